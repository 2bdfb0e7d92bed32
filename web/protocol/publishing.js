/**
 * The sources beyond camera and microphone: for each that we have the server is
 * asked for an m-line to send it on, which is given back when we have it no more.
 */

/** @typedef {import('./messages.js').Source} Source */

export class Publishing {
  #send;
  /** @type {Set<Source>} what we have */
  #have = new Set();
  /** @type {Set<Source>} what the server has been asked about */
  #asked = new Set();

  /** @param {(event: 'publish'|'unpublish', data: {source: Source, kind: 'audio'|'video'}) => boolean} send  false: not sent */
  constructor(send) {
    this.#send = send;
  }

  /** @param {Source} source @param {boolean} have */
  set(source, have) {
    if (have) this.#have.add(source);
    else this.#have.delete(source);
    this.#ask(source);
  }

  /** What was sent last may not have arrived: all of it is said again, which changes nothing where it has. */
  repeat() {
    for (const source of new Set([...this.#have, ...this.#asked])) this.#ask(source);
  }

  /** The server has forgotten everything: it is another session. */
  forget() {
    this.#asked.clear();
  }

  /** @param {Source} source */
  #ask(source) {
    const event = this.#have.has(source) ? 'publish' : 'unpublish';
    if (this.#send(event, { source, kind: source === 'screen' ? 'video' : 'audio' })) this.#asked.add(source);
  }
}
