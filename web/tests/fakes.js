/** Fakes that the unit tests share. */

/** A clock whose timers run when the test says so. */
export class FakeClock {
  /** @type {{run: () => void, at: number}[]} */
  timers = [];
  now = 0;

  setTimer = (/** @type {() => void} */ run, /** @type {number} */ ms) => {
    const timer = { run, at: this.now + ms };
    this.timers.push(timer);
    return timer;
  };

  clearTimer = (/** @type {any} */ timer) => {
    this.timers = this.timers.filter((t) => t !== timer);
  };

  /** Time passes while timers sleep, as with a laptop that is closed; then those that are due run. @param {number} ms */
  sleep(ms) {
    this.now += ms;
    this.advance(0);
  }

  /** Lets time pass, timers in their order. @param {number} ms */
  advance(ms) {
    const end = this.now + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.clearTimer(next);
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }
}

/** The browser's WebSocket, played by the test. */
export class FakeSocket {
  /** @type {{event: string, data: string, [key: string]: unknown}[]} */
  sent = [];
  closed = false;
  /** What it was closed with. @type {number|undefined} */
  code;
  /** @type {((event: any) => void)|null} */
  onmessage = null;
  /** @type {((event: any) => void)|null} */
  onclose = null;

  /** @param {string} url */
  constructor(url) {
    this.url = new URL(url);
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** @param {number} [code] */
  close(code) {
    this.closed = true;
    this.code = code;
  }

  /** What the server sends. @param {string} event @param {any} data @param {object} [extra] */
  receive(event, data, extra = {}) {
    this.onmessage?.({ data: JSON.stringify({ event, data: typeof data === 'string' ? data : JSON.stringify(data), ...extra }) });
  }

  /** The server or the network closes. @param {number} code @param {string} [reason] */
  drop(code, reason = '') {
    this.onclose?.({ code, reason });
  }

  /** @param {string} event */
  sentOf(event) {
    return this.sent.filter((m) => m.event === event);
  }
}

/** @param {object} [change] */
export function welcome(change = {}) {
  return {
    protocol: 1,
    peer_id: 'p_me',
    room: 'demo',
    username: 'Alice',
    permissions: { publish: ['microphone', 'camera', 'screen', 'screen_audio'], subscribe: true, chat: true, moderate: false },
    peers: [],
    chat: [],
    iceServers: [],
    resume: { token: 'token-1', window_seconds: 30 },
    resumed: false,
    ...change,
  };
}

/** @param {string} id @param {object} [change] */
export function chat(id, change = {}) {
  return { id, from: 'p_1', to: '', username: 'Bob', message: `message ${id}`, time: '10:00:00', timestamp: `2026-11-23T10:00:${id.padStart(2, '0')}Z`, ...change };
}

/** @param {string} id @param {string} username @param {object} [state] */
export function peer(id, username, state = {}) {
  return { peer_id: id, username, state: { microphone: true, camera: true, hand: false, connection: 'ok', quality: 0, ...state } };
}

/** Lets promise callbacks run. */
export async function settle() {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}
