/**
 * The WebSocket to the server, kept open: it comes back by itself until the
 * server says that this is pointless. No DOM.
 */

import { attemptLimit, backoff, SILENCE_MS } from './backoff.js';
import { comesBack, endingOf, endingOfRefusal } from './ending.js';
import { Heartbeat } from './heartbeat.js';
import { decode, encode } from './messages.js';

/** @typedef {import('./messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./messages.js').ClientEvent} ClientEvent */
/** @typedef {import('./ending.js').Ending} Ending */
/** @typedef {import('./validate.js').Admission|import('./validate.js').Refusal} Verdict */

/**
 * `connecting`: the server is being reached. `open`: its welcome has come.
 * `waiting`: the next attempt is scheduled. `away`: the page is going away, and
 * perhaps comes back. `closed`: nothing more will happen.
 *
 * @typedef {'idle'|'connecting'|'open'|'waiting'|'away'|'closed'} SocketState
 */

/**
 * @typedef {object} SocketOptions
 * @property {string} url  ws: or wss:, without query
 * @property {() => Record<string, string>} parameters  the query of the next attempt, asked each time
 * @property {(signal: AbortSignal) => Promise<Verdict>} validate
 *   asks over HTTP whether a join would be let in, and why not; may reject once aborted
 * @property {boolean} [inside]  the person is in the room already, by an earlier life of this page: no failure ends it
 * @property {(message: ServerMessage) => void} onMessage
 * @property {(state: SocketState) => void} onState  also when `restarting` has changed
 * @property {(ending: Ending) => void} onEnd  called once; the socket is closed for good
 * @property {(url: string) => WebSocket} [open]
 * @property {(run: () => void, ms: number) => any} [setTimer]
 * @property {(timer: any) => void} [clearTimer]
 * @property {() => number} [random]
 * @property {() => number} [now]  milliseconds
 */

/** An attempt younger than this is left alone when something says: try now. */
const YOUNG_MS = 1000;
/**
 * After so many failures the server is asked over HTTP before a WebSocket is
 * opened. Chromium holds back a page's new WebSockets after many failures (by
 * 2.5 s after 22, measured), and no HTTP request.
 */
const WARY_FAILURES = 3;

/** Where the server has just answered over HTTP, a WebSocket may take longer: it is busy, not away. */
const REACHED_LIMIT_MS = 5000;
/** An HTTP request without an answer is sent once more after this: the first may have got a connection that was dead. */
const ASK_TWICE_MS = 700;

/** The page is closed or reloaded: the server keeps the person for a few seconds. */
const CLOSE_AWAY = 4000;
/**
 * This socket is given up for another one. Never without a code, as close()
 * does it: should the frame arrive after all, that would mean goodbye.
 */
const CLOSE_GIVEN_UP = 4002;

export class SignalSocket {
  #options;
  #heartbeat;
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {AbortController|null} the HTTP request that is being waited for */
  #inquiry = null;
  /** @type {SocketState} */
  #state = 'idle';
  #failures = 0;
  /** Nobody answered the last attempt. */
  #silence = false;
  #inside;
  #restarting = false;
  #toldRestarting = false;
  /** When the running attempt began. */
  #began = 0;
  /** @type {number|null} how long the last attempt that succeeded took */
  #took = null;
  /** @type {any} */
  #timer = null;

  /** @param {SocketOptions} options */
  constructor(options) {
    this.#options = {
      open: (/** @type {string} */ url) => new WebSocket(url),
      setTimer: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
      clearTimer: (/** @type {any} */ timer) => clearTimeout(timer),
      random: Math.random,
      now: () => Date.now(),
      ...options,
    };
    this.#inside = options.inside ?? false;
    const { setTimer, clearTimer, now } = this.#options;
    this.#heartbeat = new Heartbeat({
      ping: (nonce) => this.send('ping', nonce),
      onDead: () => this.#dead(),
      setTimer,
      clearTimer,
      now,
    });
  }

  /** @returns {SocketState} */
  get state() {
    return this.#state;
  }

  /** The server has said that it restarts, and has not been back since. @returns {boolean} */
  get restarting() {
    return this.#restarting;
  }

  /** Opens the first socket. Call once. */
  connect() {
    if (this.#state !== 'idle') throw new Error(`connect in state ${this.#state}`);
    this.#attempt();
  }

  /** Tries now: the network is back, or the person asked. An attempt that hangs is begun anew. */
  retryNow() {
    if (this.#state === 'waiting') this.#next();
    else if (this.#state === 'connecting' && this.#options.now() - this.#began > YOUNG_MS) this.#next();
  }

  /**
   * Asks for a sign of life. A socket that gives none counts as lost, and
   * another one is opened at once.
   *
   * @param {number} [timeoutMs]
   * @returns {Promise<boolean>} whether an open socket has shown that it lives
   */
  check(timeoutMs) {
    return this.#heartbeat.check(timeoutMs);
  }

  /**
   * Sends one message. False if no welcomed socket is open: the message is not
   * kept, for most are about a state that the next welcome replaces.
   *
   * @param {ClientEvent} event
   * @param {string|object} [data]
   * @param {Record<string, unknown>} [extra]
   * @returns {boolean}
   */
  send(event, data, extra) {
    if (this.#state !== 'open' || !this.#socket) return false;
    this.#socket.send(encode(event, data, extra));
    return true;
  }

  /** The page goes away; it may be loaded again, or come back as it is (`back`). */
  away() {
    if (this.#state === 'idle' || this.#state === 'closed') return;
    this.#giveUp(CLOSE_AWAY, 'away');
    this.#become('away');
  }

  /** The page that went away is shown again. */
  back() {
    if (this.#state === 'away') this.#attempt();
  }

  /** Leaves the room and closes for good. */
  leave() {
    if (this.#state === 'closed') return;
    this.send('leave');
    this.#giveUp(1000, '');
    this.#end(endingOf(1000, ''));
  }

  /**
   * The next attempt, in the manner that is due. While nobody answers it is
   * always a WebSocket: Chromium goes on with the TCP connection of a request
   * that was aborted, whose SYN is sent again after ever longer pauses (31 s and
   * then 63 s after the first), and a new request waits for that one.
   */
  #next() {
    if (this.#inside && !this.#silence && this.#failures >= WARY_FAILURES) this.#probe();
    else this.#attempt();
  }

  /** @param {number} [atLeastMs] what it may take at the least */
  #attempt(atLeastMs = 0) {
    this.#giveUp(CLOSE_GIVEN_UP, 'given up');
    this.#began = this.#options.now();
    this.#become('connecting');
    const query = new URLSearchParams(this.#options.parameters());
    const socket = this.#options.open(`${this.#options.url}?${query}`);
    this.#socket = socket;
    this.#timer = this.#options.setTimer(() => {
      this.#giveUp(CLOSE_GIVEN_UP, 'no answer');
      if (this.#inside) this.#unanswered();
      else this.#refused();
    }, Math.max(attemptLimit(this.#took), atLeastMs));
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.#socket === socket) this.#closed(event.code, event.reason);
    };
  }

  /** @param {unknown} frame */
  #receive(frame) {
    this.#heartbeat.heard();
    const message = decode(frame);
    if (!message) return;
    if (message.event === 'pong') {
      this.#heartbeat.pong(message.data);
      return;
    }
    if (message.event === 'error' && message.data.event === 'ping') {
      this.#heartbeat.unknown();
      return;
    }
    if (message.event === 'welcome') this.#welcomed();
    if (message.event === 'lobby') this.#waits();
    this.#options.onMessage(message);
  }

  #welcomed() {
    this.#clearTimer();
    this.#took = this.#options.now() - this.#began;
    this.#failures = 0;
    this.#silence = false;
    this.#inside = true;
    this.#restarting = false;
    this.#become('open');
    this.#heartbeat.start();
  }

  /** Before the room: a person decides, which takes as long as it takes. */
  #waits() {
    this.#clearTimer();
    this.#failures = 0;
    this.#silence = false;
    this.#inside = true;
  }

  /** Nothing came back over an open socket: it is replaced. */
  #dead() {
    this.#silence = true;
    this.#attempt();
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    const opened = this.#state === 'open';
    this.#giveUp(CLOSE_GIVEN_UP, '');
    this.#restarting ||= code === 1012;
    if (!comesBack(code, reason, this.#inside)) this.#end(endingOf(code, reason));
    else if (opened) this.#wait(0);
    else this.#refused();
  }

  /** A socket never got its welcome: the server's reason decides what to do. */
  #refused() {
    this.#become('waiting');
    this.#inquire((answer) => {
      if (!this.#inside) {
        const blocked = { ok: /** @type {const} */ (false), status: 0, code: 'websocket_blocked', message: '', retryAfterMs: 0 };
        this.#end(endingOfRefusal(answer.ok ? blocked : answer));
      } else if (answer.ok) {
        this.#wait(0);
      } else {
        this.#turnedAway(answer);
      }
    });
  }

  /** Asks whether anybody is there before a WebSocket is opened. */
  #probe() {
    this.#giveUp(CLOSE_GIVEN_UP, 'given up');
    this.#began = this.#options.now();
    this.#become('connecting');
    this.#inquire((answer) => {
      if (answer.ok) this.#attempt(REACHED_LIMIT_MS);
      else this.#turnedAway(answer);
    });
  }

  /** @param {import('./validate.js').Refusal} refusal */
  #turnedAway(refusal) {
    if (refusal.status >= 400 && refusal.status < 500 && refusal.status !== 429) {
      this.#end(endingOfRefusal(refusal));
      return;
    }
    this.#restarting ||= refusal.code === 'draining';
    // Whoever refuses is there: the next time it is the server that is waited for.
    this.#silence = false;
    this.#wait(refusal.retryAfterMs);
  }

  /** @param {(verdict: Verdict) => void} answered  called unless the time runs out or something else begins */
  #inquire(answered) {
    const inquiry = new AbortController();
    this.#inquiry = inquiry;
    const ask = () =>
      this.#options.validate(inquiry.signal).then(
        (verdict) => {
          if (this.#inquiry !== inquiry) return;
          this.#giveUp(CLOSE_GIVEN_UP, '');
          answered(verdict);
        },
        () => undefined, // aborted, and by nobody but giveUp
      );
    const expired = () => {
      this.#giveUp(CLOSE_GIVEN_UP, '');
      if (this.#inside) this.#unanswered();
      else this.#end(endingOfRefusal({ ok: false, status: 0, code: 'unreachable', message: '', retryAfterMs: 0 }));
    };
    this.#timer = this.#options.setTimer(() => {
      ask();
      this.#timer = this.#options.setTimer(expired, attemptLimit(this.#took) - ASK_TWICE_MS);
    }, ASK_TWICE_MS);
    ask();
  }

  /** Nobody answered within the time: the network is away, and is tried again and again. */
  #unanswered() {
    this.#silence = true;
    this.#schedule(SILENCE_MS);
  }

  /** @param {number} atLeastMs */
  #wait(atLeastMs) {
    const delay = Math.max(backoff(this.#failures, this.#options.random), atLeastMs);
    this.#failures += 1;
    this.#schedule(delay);
  }

  /** @param {number} ms */
  #schedule(ms) {
    this.#timer = this.#options.setTimer(() => this.#next(), ms);
    this.#become('waiting');
  }

  /** Drops whatever socket, request or timer there is. @param {number} code @param {string} reason */
  #giveUp(code, reason) {
    this.#clearTimer();
    this.#heartbeat.stop();
    this.#inquiry?.abort();
    this.#inquiry = null;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onclose = null;
    socket.close(code, reason);
  }

  /** @param {Ending} ending */
  #end(ending) {
    this.#clearTimer();
    this.#become('closed');
    this.#options.onEnd(ending);
  }

  #clearTimer() {
    if (this.#timer !== null) this.#options.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** @param {SocketState} state */
  #become(state) {
    if (this.#state === state && this.#toldRestarting === this.#restarting) return;
    this.#state = state;
    this.#toldRestarting = this.#restarting;
    this.#options.onState(state);
  }
}
