/** Chat messages that were sent, and have not been seen to come back. No DOM. */

/** @typedef {import('./messages.js').ChatMessage} ChatMessage */
/** @typedef {{text: string, to: string}} Pending  to: peer id of the only reader; empty: the whole room */

export class PendingChat {
  /** @type {readonly Pending[]} in the order they were sent */
  #list = [];

  /** @param {readonly string[]} texts to the room, of an earlier life of the page */
  reset(texts = []) {
    this.#list = texts.map((text) => ({ text, to: '' }));
  }

  /** @returns {{pendingChat: readonly string[], pendingPrivate: readonly Pending[]}} */
  get state() {
    return { pendingChat: this.#list.filter((p) => !p.to).map((p) => p.text), pendingPrivate: this.#list.filter((p) => p.to) };
  }

  /** @param {Pending} message */
  add(message) {
    this.#list = [...this.#list, message];
  }

  /** A message of ours has come back. @param {ChatMessage} message */
  echoed(message) {
    const index = this.#list.findIndex((p) => p.text === message.message && p.to === message.to);
    this.#list = this.#list.filter((_, i) => i !== index);
  }

  /** The oldest was refused: the server answers in order. */
  refused() {
    this.#list = this.#list.slice(1);
  }

  /**
   * Which messages must be sent again after a welcome: those that the server did
   * not get, or got and lost. What it shows as ours, and newer than what we had
   * seen, had arrived; only its echo was lost.
   *
   * @param {ChatMessage[]} chat     of the welcome
   * @param {readonly string[]} us   our peer ids: the one of before and the one of now
   * @param {string} lastSeen        id of the last message that we had; empty: none
   * @returns {readonly Pending[]}
   */
  again(chat, us, lastSeen) {
    for (const m of chat) if (us.includes(m.from) && Number(m.id) > Number(lastSeen)) this.echoed(m);
    return this.#list;
  }
}
