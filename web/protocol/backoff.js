/**
 * When to try again, and how long a try may take. Two things go wrong, and each
 * wants the opposite: a server that refuses or restarts must not be overrun by
 * everybody at once; a network that is away lets nobody through until it is
 * back, and then whoever knocks often is inside first.
 */

const FIRST_MIN_MS = 500;
const FIRST_MAX_MS = 3000;
const CAP_MS = 7000;

/** After an attempt that nobody answered at all: the network is away, not the server. */
export const SILENCE_MS = 250;

const ATTEMPT_MIN_MS = 2500;
const ATTEMPT_MAX_MS = 10000;

/**
 * How long to wait after a fast failure: 0.5 to 3 s at random, doubled with each
 * failure; at the cap of 7 s at random between half of it and all of it, for a
 * thousand pages whose server is away for a minute must not come in one instant.
 *
 * @param {number} failures attempts that have failed since the last welcome, 0 for the first wait
 * @param {() => number} [random] from 0 to 1
 * @returns {number} milliseconds
 */
export function backoff(failures, random = Math.random) {
  const wait = (FIRST_MIN_MS + random() * (FIRST_MAX_MS - FIRST_MIN_MS)) * 2 ** Math.min(failures, 10);
  return wait < CAP_MS ? wait : CAP_MS * (0.5 + random() / 2);
}

/**
 * How long an attempt may take before it counts as unanswered. TCP asks again
 * after 1 s, then after 2 more: a fresh attempt is sooner than its third try.
 *
 * @param {number|null} tookMs what the last attempt that succeeded took; null: none has yet
 * @returns {number} milliseconds
 */
export function attemptLimit(tookMs) {
  if (tookMs === null) return ATTEMPT_MAX_MS;
  return Math.min(Math.max(ATTEMPT_MIN_MS, 1000 + 3 * tookMs), ATTEMPT_MAX_MS);
}
