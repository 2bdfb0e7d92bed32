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
 * @property {(run: () => void, ms: number) => unknown} setInterval
 */

/**
 * Watches for as long as the page lives.
 *
 * @param {() => void} onDoubt
 * @param {World} world
 */
export function watchDoubts(onDoubt, { window, document, connection, now, setInterval }) {
  window.addEventListener('online', onDoubt);
  document.addEventListener('resume', onDoubt);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') onDoubt();
  });
  let type = connection?.type;
  connection?.addEventListener?.('change', () => {
    // The event also comes with each new estimate of the speed.
    if (connection.type === type) return;
    type = connection.type;
    onDoubt();
  });
  let last = now();
  setInterval(() => {
    const at = now();
    if (at - last > JUMP_MS) onDoubt();
    last = at;
  }, TICK_MS);
}
