/**
 * The moments when nobody knows whether the connection still lives: the network
 * is back or is another one, the page or the whole machine slept, the person
 * looks at the page again.
 */

const TICK_MS = 1000;
/** Between two ticks this much can only be sleep (or a browser that saves power, which does no harm). */
const JUMP_MS = 5000;

/**
 * @typedef {object} World
 * @property {EventTarget} window
 * @property {EventTarget & {readonly visibilityState: string}} document
 * @property {(EventTarget & {type?: string})|undefined} connection  navigator.connection, where it exists
 * @property {() => number} now  milliseconds
 * @property {(run: () => void, ms: number) => any} setInterval
 * @property {(timer: any) => void} [clearInterval]
 */

/**
 * Watches for as long as the page lives, or until the signal.
 *
 * @param {() => void} onDoubt
 * @param {World} world
 * @param {AbortSignal} [signal]
 */
export function watchDoubts(onDoubt, { window, document, connection, now, setInterval, clearInterval }, signal) {
  window.addEventListener('online', onDoubt, { signal });
  document.addEventListener('resume', onDoubt, { signal });
  const visible = () => {
    if (document.visibilityState === 'visible') onDoubt();
  };
  document.addEventListener('visibilitychange', visible, { signal });
  let type = connection?.type;
  const changed = () => {
    // The event also comes with each new estimate of the speed.
    if (connection?.type === type) return;
    type = connection?.type;
    onDoubt();
  };
  connection?.addEventListener?.('change', changed, { signal });
  let last = now();
  const timer = setInterval(() => {
    const at = now();
    if (at - last > JUMP_MS) onDoubt();
    last = at;
  }, TICK_MS);
  signal?.addEventListener('abort', () => clearInterval?.(timer));
}
