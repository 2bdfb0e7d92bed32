/**
 * Asks the server to repair a media path that is lost, until it is back: after
 * two seconds (many a path heals by itself), then again and again, each time
 * later. Pure but for its timer.
 */

const FIRST_MS = 2000;
const CAP_MS = 15000;

export class Repair {
  #ask;
  #setTimer;
  #clearTimer;
  /** @type {any} */
  #timer = null;

  /**
   * @param {() => void} ask
   * @param {(run: () => void, ms: number) => any} [setTimer]
   * @param {(timer: any) => void} [clearTimer]
   */
  constructor(
    ask,
    setTimer = (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
    clearTimer = (/** @type {any} */ timer) => clearTimeout(timer),
  ) {
    this.#ask = ask;
    this.#setTimer = setTimer;
    this.#clearTimer = clearTimer;
  }

  /** The path is lost. */
  start() {
    if (this.#timer === null) this.#next(FIRST_MS);
  }

  /** Asks at once: the network is back. Only while the path is lost. */
  now() {
    if (this.#timer === null) return;
    this.stop();
    this.#ask();
    this.#next(FIRST_MS);
  }

  /** The path works, or is given up. */
  stop() {
    if (this.#timer !== null) this.#clearTimer(this.#timer);
    this.#timer = null;
  }

  /** @param {number} ms */
  #next(ms) {
    this.#timer = this.#setTimer(() => {
      this.#ask();
      this.#next(Math.min(ms * 2, CAP_MS));
    }, ms);
  }
}
