// What goes over a page's WebSockets and when, for the report of a run.

/** Events that say nothing about how a session is kept. */
const noise = new Set(['candidate', 'speakers', 'quality', 'layers', 'view', 'state', 'chat']);

export class Timeline {
  /** @type {{at: number, what: string}[]} */
  #list = [];
  #sockets = 0;

  /** @param {import('playwright-core').Page} page one that has not opened a socket yet */
  constructor(page) {
    page.on('websocket', (socket) => {
      const name = `socket ${++this.#sockets}`;
      const note = (/** @type {string} */ what) => this.#list.push({ at: Date.now(), what: `${name} ${what}` });
      note('made');
      socket.on('framereceived', ({ payload }) => this.#frame(note, '<', payload));
      socket.on('framesent', ({ payload }) => this.#frame(note, '>', payload));
      socket.on('close', () => note('closed'));
    });
  }

  /** @param {(what: string) => void} note @param {string} way @param {string | Buffer} payload */
  #frame(note, way, payload) {
    const { event } = JSON.parse(String(payload));
    if (!noise.has(event)) note(`${way} ${event}`);
  }

  /** Everything since a moment, in seconds after it. @param {number} began by Date.now() */
  since(began) {
    return this.#list
      .filter((l) => l.at >= began)
      .map((l) => `${((l.at - began) / 1000).toFixed(2)} ${l.what}`)
      .join(', ');
  }
}
