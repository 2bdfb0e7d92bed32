/** How well we hear and are heard, as the others are told: what holds, not each wavering. Pure. */

/** So many seconds in a row a score has to be another one. */
const HOLDS = 4;

export class Standing {
  /** What the others know; 0: nothing. */
  score = 0;
  #next = 0;
  #times = 0;

  /**
   * To be called once a second while the call is connected.
   *
   * @param {{down: number|null, up: number|null}} scores  as in weakness.js
   * @returns {boolean} whether there is something else to tell
   */
  sample({ down, up }) {
    const worse = Math.min(down ?? 5, up ?? 5);
    // Good and perfect are the same to others.
    const now = down === null && up === null ? 0 : worse >= 4 ? 5 : worse;
    this.#times = now === this.#next ? this.#times + 1 : 1;
    this.#next = now;
    if (now === this.score || this.#times < HOLDS) return false;
    this.score = now;
    return true;
  }
}
