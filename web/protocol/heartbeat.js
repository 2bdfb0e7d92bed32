/**
 * Whether a socket still leads anywhere. A page sees neither the server's
 * WebSocket pings nor that its packets go unanswered: TCP tells after minutes.
 * So it asks by itself (`ping`, `pong`), at each doubt and after each silence.
 */

/** So long nothing may come before the socket is asked for a sign of life. */
const QUIET_MS = 15000;
/** How long the answer may take, on a way whose round trips are shorter. */
const ANSWER_MS = 2000;
const ANSWER_MAX_MS = 10000;
/** A timer that comes so late slept with its page, and says nothing about the way. */
const LATE_MS = 1000;

/**
 * @typedef {object} HeartbeatOptions
 * @property {(nonce: string) => void} ping  sends one
 * @property {() => void} onDead  nothing came in time; the owner calls `stop`
 * @property {(run: () => void, ms: number) => any} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {() => number} now  milliseconds
 */

/**
 * @typedef {object} Check
 * @property {Promise<boolean>} answer
 * @property {(alive: boolean) => void} settle
 * @property {string} nonce
 * @property {boolean} heard   something came since the last ping
 * @property {boolean} again   it has been asked twice
 * @property {number} asked    when
 * @property {number} due      when the answer should be there
 * @property {any} timer
 */

export class Heartbeat {
  #options;
  /** @type {any} runs while the socket is open */
  #timer = null;
  #heardAt = 0;
  #nonces = 0;
  #roundTripMs = 0;
  /** How long the last answer that did not come was waited for; 0 once one has come. */
  #waitedMs = 0;
  #known = true;
  /** @type {Check|null} */
  #check = null;

  /** @param {HeartbeatOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** A socket is open. */
  start() {
    this.stop();
    this.#known = true;
    this.#heardAt = this.#options.now();
    this.#watch(QUIET_MS);
    // Was the socket of before dead, or is the server slow? The first answer tells.
    if (this.#waitedMs > 0) this.check();
  }

  /** It is no more; a check that runs ends with false. */
  stop() {
    if (this.#timer !== null) this.#options.clearTimer(this.#timer);
    this.#timer = null;
    this.#settle(false);
  }

  /** Anything has come. */
  heard() {
    this.#heardAt = this.#options.now();
    if (this.#check) this.#check.heard = true;
  }

  /** @param {string} nonce */
  pong(nonce) {
    if (this.#check?.nonce !== nonce) return;
    this.#roundTripMs = this.#options.now() - this.#check.asked;
    this.#waitedMs = 0;
    this.#settle(true);
  }

  /** This server knows no ping: its word for that is a sign of life, and the last one to be had. */
  unknown() {
    this.#known = false;
    this.#settle(true);
  }

  /**
   * Asks for a sign of life. One check runs at a time; who asks meanwhile shares it.
   *
   * @param {number} [timeoutMs]  longer where round trips have been long
   * @returns {Promise<boolean>} false: the socket is lost, or none is open
   */
  check(timeoutMs = ANSWER_MS) {
    if (this.#timer === null) return Promise.resolve(false);
    if (!this.#known) return Promise.resolve(true);
    if (this.#check) return this.#check.answer;
    /** @type {(alive: boolean) => void} */
    let settle = () => undefined;
    const answer = new Promise((/** @type {(alive: boolean) => void} */ resolve) => (settle = resolve));
    this.#nonces += 1;
    const check = { answer, settle, nonce: String(this.#nonces), heard: false, again: false, asked: 0, due: 0, timer: null };
    this.#check = check;
    // A server that has too much to do must not be overrun by those who find it dead.
    this.#ask(check, Math.min(Math.max(timeoutMs, 1000 + 3 * this.#roundTripMs, 2 * this.#waitedMs), ANSWER_MAX_MS));
    return answer;
  }

  /** @param {Check} check @param {number} ms */
  #ask(check, ms) {
    check.heard = false;
    check.asked = this.#options.now();
    check.due = check.asked + ms;
    check.timer = this.#options.setTimer(() => this.#overdue(check, ms), ms);
    this.#options.ping(check.nonce);
  }

  /** @param {Check} check @param {number} ms */
  #overdue(check, ms) {
    if (this.#options.now() > check.due + LATE_MS) {
      this.#ask(check, ms);
    } else if (!check.heard) {
      this.#waitedMs = ms;
      this.#options.onDead();
    } else if (check.again) {
      this.#settle(true);
    } else {
      // What came may have waited here while the page slept: what comes now has not.
      check.again = true;
      this.#ask(check, ms);
    }
  }

  /** @param {boolean} alive */
  #settle(alive) {
    const check = this.#check;
    if (!check) return;
    this.#check = null;
    this.#options.clearTimer(check.timer);
    check.settle(alive);
  }

  /** @param {number} ms */
  #watch(ms) {
    this.#timer = this.#options.setTimer(() => {
      const quiet = this.#options.now() - this.#heardAt;
      this.#watch(quiet < QUIET_MS ? QUIET_MS - quiet : QUIET_MS);
      if (quiet >= QUIET_MS) this.check();
    }, ms);
  }
}
