/** The order of tiles, which stays as it is as far as possible. Pure. */

/** Between two exchanges for the sake of who speaks. */
const REST_MS = 4000;

/**
 * @typedef {object} Situation
 * @property {readonly string[]} keys     tiles there are now
 * @property {readonly string[]} large    those that are shown apart from the others
 * @property {number} page                that is shown, from 0
 * @property {number} perPage
 * @property {readonly string[]} lasting  who has been speaking for a while, loudest first
 * @property {ReadonlyMap<string, number>} spokeAt  when each last spoke; missing: never
 * @property {string|null} self           never moved
 * @property {number} now                 milliseconds
 */

export class Order {
  /** @type {string[]} */
  #keys = [];
  #exchangedAt = -Infinity;

  /**
   * New ones come last. Who leaves from the first page is replaced by one of a
   * later page, so that the others stay where they are; and who speaks on a
   * later page comes to the first in place of whoever there has been silent for
   * longest, if somebody looks at the first, and not all the time.
   *
   * @param {Situation} situation
   * @returns {readonly string[]}
   */
  arrange(situation) {
    const here = new Set(situation.keys);
    this.#fillGaps(here, situation);
    const known = new Set(this.#keys);
    this.#keys.push(...situation.keys.filter((key) => !known.has(key)));
    this.#bringSpeaker(situation);
    return this.#keys;
  }

  /** One takes the place of the other: who was large goes back to where the new one was. @param {string} a @param {string} b */
  exchange(a, b) {
    const [i, j] = [this.#keys.indexOf(a), this.#keys.indexOf(b)];
    if (i < 0 || j < 0) return;
    [this.#keys[i], this.#keys[j]] = [b, a];
  }

  /** @param {ReadonlySet<string>} here @param {Situation} situation */
  #fillGaps(here, { large, perPage }) {
    const small = this.#keys.filter((key) => !large.includes(key));
    const later = small.slice(perPage).filter((key) => here.has(key));
    const gaps = small.slice(0, perPage).filter((key) => !here.has(key));
    for (const gone of gaps) {
      const from = later.shift();
      if (from === undefined) break;
      this.#keys = this.#keys.filter((key) => key !== from).map((key) => (key === gone ? from : key));
    }
    this.#keys = this.#keys.filter((key) => here.has(key));
  }

  /** @param {Situation} situation */
  #bringSpeaker({ large, page, perPage, lasting, spokeAt, self, now }) {
    if (page !== 0 || now - this.#exchangedAt < REST_MS) return;
    const small = this.#keys.filter((key) => !large.includes(key));
    const speaker = lasting.find((key) => small.indexOf(key) >= perPage);
    if (speaker === undefined) return;
    const silent = small.slice(0, perPage).filter((key) => key !== self && !lasting.includes(key));
    const at = (/** @type {string} */ key) => spokeAt.get(key) ?? 0;
    const quietest = silent.reduce((best, key) => (best === '' || at(key) < at(best) ? key : best), '');
    if (quietest === '') return;
    this.exchange(speaker, quietest);
    this.#exchangedAt = now;
  }
}
