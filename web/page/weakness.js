/** When to say that the network is weak: not for a moment's trouble, and without flickering. Pure. */

/** @typedef {'down'|'up'|'both'|null} Weak  which way is weak */

/** Scores from 1 to 5, as the server gives them; null: unknown. @typedef {{down: number|null, up: number|null}} Scores */

const BAD_SCORE = 2;
const BAD_FOR_MS = 4000;
const GOOD_FOR_MS = 6000;
/** After an interruption what was lost in it is still being counted. */
const SETTLE_MS = 5000;

/** One direction. */
class Way {
  weak = false;
  /** @type {number|null} since when the score says the opposite of `weak` */
  #since = null;

  /** @param {number|null} score @param {number} now */
  sample(score, now) {
    const bad = score !== null && score <= BAD_SCORE;
    if (bad === this.weak) {
      this.#since = null;
      return;
    }
    this.#since ??= now;
    if (now - this.#since < (this.weak ? GOOD_FOR_MS : BAD_FOR_MS)) return;
    this.weak = bad;
    this.#since = null;
  }
}

export class Weakness {
  #down = new Way();
  #up = new Way();
  #settledAt = -Infinity;

  /** @returns {Weak} */
  get weak() {
    if (this.#down.weak && this.#up.weak) return 'both';
    return this.#down.weak ? 'down' : this.#up.weak ? 'up' : null;
  }

  /**
   * To be called about once a second while the call is connected.
   *
   * @param {Scores} scores
   * @param {number} now  milliseconds
   */
  sample(scores, now) {
    if (now < this.#settledAt) return;
    this.#down.sample(scores.down, now);
    this.#up.sample(scores.up, now);
  }

  /** The connection is another one, or gone: there is more to say than that. @param {number} now  milliseconds */
  reset(now) {
    this.#settledAt = now + SETTLE_MS;
    this.#down = new Way();
    this.#up = new Way();
  }
}
