/** When to provoke a new offer after media did not connect at all: sooner first, then ever later. */

const FIRST_MS = 2000;
const CAP_MS = 60000;

export class Retry {
  #nudge;
  #clock;
  #ms = FIRST_MS;
  /** @type {any} */
  #timer = null;

  /**
   * @param {() => void} nudge  makes the server offer again
   * @param {{setTimer: (run: () => void, ms: number) => any, clearTimer: (timer: any) => void}} clock
   */
  constructor(nudge, clock) {
    this.#nudge = nudge;
    this.#clock = clock;
  }

  /** It did not connect. */
  failed() {
    this.stop();
    this.#timer = this.#clock.setTimer(() => this.#nudge(), this.#ms);
    this.#ms = Math.min(this.#ms * 2, CAP_MS);
  }

  /** Not later, but now. */
  now() {
    this.stop();
    this.#nudge();
  }

  /** It is connected. */
  succeeded() {
    this.#ms = FIRST_MS;
  }

  stop() {
    this.#clock.clearTimer(this.#timer);
    this.#timer = null;
  }
}
