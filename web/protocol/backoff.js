/** How long to wait before coming back: 0.5 to 3 s at random, doubled with each failure, at most 15 s. */

const FIRST_MIN_MS = 500;
const FIRST_MAX_MS = 3000;
const CAP_MS = 15000;

/**
 * @param {number} failures attempts that have failed since the last welcome, 0 for the first wait
 * @param {() => number} [random] from 0 to 1
 * @returns {number} milliseconds
 */
export function backoff(failures, random = Math.random) {
  const first = FIRST_MIN_MS + random() * (FIRST_MAX_MS - FIRST_MIN_MS);
  // The random part is kept at the cap too: a thousand pages whose server is
  // away for a minute must not all come back in the same instant.
  return Math.min(first * 2 ** Math.min(failures, 10), CAP_MS - random() * (FIRST_MAX_MS - FIRST_MIN_MS));
}
