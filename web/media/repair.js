/**
 * Has the server repair a media path that is lost, until it is back: at once,
 * then again and again, each time later.
 *
 * A restart gives up the path there is. So it is asked only over a socket that
 * has just shown that it lives (a request that waits in TCP through an outage
 * would arrive when the path has healed, and tear it), and only if nothing has
 * come on the path since. Pure but for its timer.
 */

const FIRST_MS = 2000;
const CAP_MS = 15000;
/** After the socket's sign of life the path has so long to show its own: both were away together. */
const HEAL_MS = 250;

/**
 * @typedef {object} RepairOptions
 * @property {() => Promise<number>} received  a count that grows with whatever arrives on the path
 * @property {() => Promise<boolean>} alive    asks the socket for a sign of life
 * @property {() => void} restart
 * @property {(run: () => void, ms: number) => any} [setTimer]
 * @property {(timer: any) => void} [clearTimer]
 */

export class Repair {
  #options;
  /** @type {any} */
  #timer = null;
  /** @type {{}|null} the attempt that runs */
  #attempt = null;

  /** @param {RepairOptions} options */
  constructor(options) {
    this.#options = {
      setTimer: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
      clearTimer: (/** @type {any} */ timer) => clearTimeout(timer),
      ...options,
    };
  }

  /** The path is lost. */
  start() {
    if (this.#timer === null) this.#run(FIRST_MS);
  }

  /** Begins anew: the network or the socket is back, or the browser has given the path up. Only while the path is lost. */
  now() {
    if (this.#timer === null) return;
    this.#options.clearTimer(this.#timer);
    this.#run(FIRST_MS);
  }

  /** The path works, or is given up. */
  stop() {
    if (this.#timer !== null) this.#options.clearTimer(this.#timer);
    this.#timer = null;
    this.#attempt = null;
  }

  /** Asks now, and again after `ms`. @param {number} ms */
  #run(ms) {
    this.#timer = this.#options.setTimer(() => this.#run(Math.min(ms * 2, CAP_MS)), ms);
    if (this.#attempt === null) this.#ask();
  }

  async #ask() {
    const attempt = {};
    this.#attempt = attempt;
    const { received, alive, restart, setTimer } = this.#options;
    try {
      const before = await received();
      if (!(await alive())) return;
      await new Promise((resolve) => setTimer(() => resolve(undefined), HEAL_MS));
      const healed = (await received()) > before;
      if (this.#attempt === attempt && !healed) restart();
    } finally {
      if (this.#attempt === attempt) this.#attempt = null;
    }
  }
}
