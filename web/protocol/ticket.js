/** With what a socket is opened: who comes into which room, and whether he has been there before. */

export class Ticket {
  who = { room: '', username: '' };
  /** Empty: as a new person. */
  resumeToken = '';
  /** Number of the last attempt: the server knows by it which of them is the latest. */
  #attempt = 0;
  #now;

  /** @param {() => number} now  milliseconds since 1970 */
  constructor(now) {
    this.#now = now;
  }

  /**
   * @param {{room: string, username: string}} who
   * @param {{token: string, at: number}|null} past  of an earlier life of the page
   */
  write(who, past) {
    this.who = who;
    this.resumeToken = past?.token ?? '';
    this.#attempt = Math.max(this.#attempt, past?.at ?? 0);
  }

  /**
   * The query of the next attempt.
   *
   * @param {string} username  as the server knows us by now; empty: not yet
   * @param {boolean} keep     the PeerConnection is still there
   * @param {string|undefined} lastChat  id of the last chat message that we have
   * @returns {Record<string, string>}
   */
  parameters(username, keep, lastChat) {
    this.#attempt = Math.max(this.#attempt + 1, Math.round(this.#now()));
    /** @type {Record<string, string>} */
    const query = { room: this.who.room, username: username || this.who.username, protocol: '1', attempt: String(this.#attempt) };
    if (this.resumeToken) {
      query.resume = this.resumeToken;
      query.media = keep ? 'keep' : 'new';
      if (lastChat !== undefined) query.last_chat = lastChat;
    }
    return query;
  }
}
