// Waiting for outcomes: a condition is asked again and again until it holds or its time is up.

/**
 * Resolves with what `probe` returns once that is truthy. Rejects after `timeout` ms
 * with `what` and the last answer, or the last error, so that a red test says what it saw.
 *
 * @template T
 * @param {string} what what is waited for, for the error message
 * @param {() => T | Promise<T>} probe
 * @param {{timeout?: number, every?: number, seen?: () => unknown}} [options]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, probe, { timeout = 15_000, every = 50, seen } = {}) {
  const deadline = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (err) {
      last = err;
    }
    if (Date.now() >= deadline) break;
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  const detail = seen ? await seen() : last;
  const text = detail instanceof Error ? detail.message : JSON.stringify(detail);
  throw new Error(`${what}: not within ${timeout} ms; last seen: ${text}`);
}

/**
 * Checks that `probe` stays truthy for the whole of `period` ms.
 *
 * @param {string} what
 * @param {() => unknown} probe
 * @param {number} period
 */
export async function always(what, probe, period) {
  const end = Date.now() + period;
  do {
    if (!(await probe())) throw new Error(`${what}: no longer true`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (Date.now() < end);
}

/**
 * Rejects when `promise` has not settled after `ms`.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {string} what
 * @returns {Promise<T>}
 */
export async function within(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return /** @type {T} */ (await Promise.race([promise, late]));
  } finally {
    clearTimeout(timer);
  }
}
