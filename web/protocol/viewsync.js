/** Tells the server how tracks are shown, and only what changed since it was last told. */

/** @typedef {import('./messages.js').ViewEntry} ViewEntry */

export class ViewSync {
  #send;
  /** @type {Map<string, ViewEntry>} */
  #wanted = new Map();
  /** @type {Map<string, string>} what the server knows, as text */
  #told = new Map();
  #background = false;
  /** A track that is shown even then, in a window of its own. */
  #kept = '';

  /** @param {(entries: ViewEntry[]) => boolean} send  false: not sent, the server knows nothing of it */
  constructor(send) {
    this.#send = send;
  }

  /** @param {ViewEntry[]} entries all tracks there are; one that is not listed any more is forgotten */
  set(entries) {
    this.#wanted = new Map(entries.map((entry) => [entry.track_id, entry]));
    for (const id of this.#told.keys()) if (!this.#wanted.has(id)) this.#told.delete(id);
    this.flush();
  }

  /** @param {boolean} background all video is hidden while true */
  setBackground(background) {
    this.#background = background;
    this.flush();
  }

  /** @param {string} trackId  of a track that is not hidden in the background; empty: there is none */
  keep(trackId) {
    this.#kept = trackId;
    this.flush();
  }

  /** The server has forgotten everything: it is another session. */
  forget() {
    this.#told.clear();
  }

  /** Sends what the server does not know yet. */
  flush() {
    const changed = [];
    for (const [id, entry] of this.#wanted) {
      const effective = this.#background && id !== this.#kept ? { track_id: id, hidden: true } : entry;
      if (this.#told.get(id) !== JSON.stringify(effective)) changed.push(effective);
    }
    if (changed.length === 0 || !this.#send(changed)) return;
    for (const entry of changed) this.#told.set(entry.track_id, JSON.stringify(entry));
  }
}
