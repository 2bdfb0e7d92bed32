/** Whether a picture that should move stands still. Pure. */

/** Cameras send several frames a second; a screen on which nothing moves is repeated about once a second. */
const LIMIT_MS = { camera: 2000, screen: 5000 };
/** Samples come twice a second; so far apart they are when the page slept, and then say nothing. */
const SLEPT_MS = 2500;

export class Stall {
  #frames = 0;
  /** When the last new frame was seen, or judging began. */
  #movedAt = 0;
  #sampledAt = 0;
  #stalled = false;

  /** @returns {boolean} */
  get stalled() {
    return this.#stalled;
  }

  /** It is another picture. */
  reset() {
    this.#stalled = false;
    this.#frames = -1;
  }

  /**
   * @param {number} frames   shown so far; 0: the browser does not count them
   * @param {boolean} watched whether the picture is on the screen and ought to move
   * @param {'camera'|'screen'} source
   * @param {number} now      milliseconds
   */
  sample(frames, watched, source, now) {
    const slept = now - this.#sampledAt > SLEPT_MS;
    this.#sampledAt = now;
    if (frames !== this.#frames || !watched) {
      this.#frames = frames;
      this.#movedAt = now;
      this.#stalled = false;
      return;
    }
    if (slept) this.#movedAt = now;
    if (frames > 0 && now - this.#movedAt >= LIMIT_MS[source]) this.#stalled = true;
  }
}
