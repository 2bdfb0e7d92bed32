/** When a person was cut off, and that the call has come back. Pure. */

/** @typedef {{what: 'call'|'media', awayMs: number}} Return  media: only sound and picture were gone */

export class Absence {
  /** The call has been there, with sound and picture. */
  #whole = false;
  /** @type {number|null} */
  #since = null;
  #call = false;

  /**
   * Takes note of how things stand.
   *
   * @param {{call: boolean, media: boolean}} now  what there is
   * @param {number} at  milliseconds
   * @returns {Return|null} once, when all is there again
   */
  note({ call, media }, at) {
    if (call && media) {
      const since = this.#since;
      this.#since = null;
      this.#whole = true;
      return since === null ? null : { what: this.#call ? 'call' : 'media', awayMs: at - since };
    }
    if (!this.#whole) return null;
    if (this.#since === null) {
      this.#since = at;
      this.#call = false;
    }
    this.#call ||= !call;
    return null;
  }

  /** The visit is over, or begins. */
  reset() {
    this.#whole = false;
    this.#since = null;
  }
}
