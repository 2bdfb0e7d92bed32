/** Who has the floor, told from who is heard: a word in between or a cough moves nothing. Pure. */

/** Whoever has been heard for so long has the floor. */
const LASTING_MS = 1500;
/** People breathe. */
const PAUSE_MS = 700;

export class Voices {
  /** @type {Map<string, {since: number, last: number}>} who is being heard, loudest first */
  #heard = new Map();
  /** @type {Map<string, number>} when each was heard last */
  #spokeAt = new Map();
  /** @type {string|null} */
  #floor = null;

  /**
   * To be called at each change, and now and then.
   *
   * @param {readonly string[]} speaking  loudest first
   * @param {number} now  milliseconds
   */
  note(speaking, now) {
    /** @type {Map<string, {since: number, last: number}>} */
    const heard = new Map();
    for (const key of speaking) {
      heard.set(key, { since: this.#heard.get(key)?.since ?? now, last: now });
      this.#spokeAt.set(key, now);
    }
    for (const [key, voice] of this.#heard) if (!heard.has(key) && now - voice.last < PAUSE_MS) heard.set(key, voice);
    this.#heard = heard;
  }

  /** When each was heard last; missing: never. @returns {ReadonlyMap<string, number>} */
  get spokeAt() {
    return this.#spokeAt;
  }

  /** Who has been heard for a while, loudest first. @param {number} now  milliseconds @returns {string[]} */
  lasting(now) {
    return [...this.#heard].filter(([, { since }]) => now - since >= LASTING_MS).map(([key]) => key);
  }

  /**
   * Who of these has the floor: he keeps it until somebody else is heard alone for a while.
   *
   * @param {readonly string[]} keys  in order
   * @param {number} now  milliseconds
   * @returns {string|null} null: there is nobody
   */
  floor(keys, now) {
    const lasting = this.lasting(now).filter((key) => keys.includes(key));
    if (this.#floor !== null && !keys.includes(this.#floor)) this.#floor = null;
    if (lasting.length > 0 && (this.#floor === null || !lasting.includes(this.#floor))) [this.#floor] = lasting;
    this.#floor ??= this.#lastHeard(keys) ?? keys[0] ?? null;
    return this.#floor;
  }

  /** @param {readonly string[]} keys */
  #lastHeard(keys) {
    const at = (/** @type {string} */ key) => this.#spokeAt.get(key) ?? 0;
    return keys.filter((key) => this.#spokeAt.has(key)).sort((a, b) => at(b) - at(a))[0];
  }

  /** Forgets who is gone. @param {ReadonlySet<string>} present */
  keepOnly(present) {
    for (const key of this.#spokeAt.keys()) if (!present.has(key)) this.#spokeAt.delete(key);
    for (const key of this.#heard.keys()) if (!present.has(key)) this.#heard.delete(key);
  }
}
