/** What this page leaves behind for its next life, and how it goes on with the one before. */

/** Should the page crash, what it has left behind is not older than this. */
const REMEMBER_MS = 5000;

export class Comeback {
  #store;
  #session;
  #local;
  /** @type {{token: string, windowMs: number}|null} */
  #way = null;
  #writtenAt = 0;

  /**
   * @param {import('../protocol/resumestore.js').ResumeStore} store
   * @param {import('../session.js').Session} session
   * @param {import('../media/localmedia.js').LocalMedia} local
   */
  constructor(store, session, local) {
    this.#store = store;
    this.#session = session;
    this.#local = local;
  }

  /** @param {import('../protocol/messages.js').Welcome} welcome */
  welcomed({ resume }) {
    this.#way = resume && { token: resume.token, windowMs: resume.window_seconds * 1000 };
    this.remember();
  }

  /** Writes down what is needed to go on with the visit; nothing outside of one. */
  remember() {
    const { phase, room, hand, pendingChat } = this.#session.state;
    if (!this.#way || (phase !== 'joined' && phase !== 'reconnecting')) return;
    const at = Date.now();
    this.#writtenAt = at;
    this.#store.save({
      ...this.#way,
      room: room.room,
      username: room.username,
      peerId: room.peerId,
      at,
      on: this.#local.state.on,
      hand,
      lastChat: room.chat.at(-1)?.id ?? '',
      pendingChat: [...pendingChat],
    });
  }

  /** As `remember`, but only now and then; to be called often. */
  rememberSometimes() {
    if (Date.now() - this.#writtenAt >= REMEMBER_MS) this.remember();
  }

  /** The visit is over. */
  forget() {
    this.#way = null;
    this.#store.clear();
  }

  /**
   * Goes on with the visit of this tab's earlier life: no click, no prompt.
   *
   * @param {URLSearchParams} query  of the page's address; it may name another room
   * @returns {Promise<import('../protocol/resumestore.js').Stored|null>} what was found; null: there is nothing to go on with
   */
  async resume(query) {
    const past = this.#store.recall(Date.now());
    if (!past || query.get('room') !== past.room || (query.get('username') ?? past.username) !== past.username) return null;
    if (!(await this.#store.claim(past))) {
      // A copy of a tab that is in the call: this one's person has not joined yet.
      this.#store.clear();
      return null;
    }
    this.#way = { token: past.token, windowMs: past.windowMs };
    this.#session.join({ room: past.room, username: past.username }, past);
    return past;
  }
}
