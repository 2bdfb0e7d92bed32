/** What the modules of this folder share: one page with its session, its devices and what is on the screen. */

/**
 * What is open and what was read. The session knows nothing of it.
 *
 * @typedef {object} View
 * @property {import('../ui/call.js').Panel} panel
 * @property {number} unread
 * @property {boolean} audioBlocked
 * @property {boolean} asking   the browser has been asking for a device for so long that a word about it helps
 * @property {import('../media/stats.js').Figures|null} figures
 * @property {import('./parameters.js').Layout} layout
 * @property {string} room      that one is about to join, or in; empty: none is chosen yet
 * @property {import('./recentrooms.js').Visit[]} recent  for the page without a room
 * @property {import('../protocol/ending.js').Ending|null} read  is not said any more
 */

/**
 * @typedef {object} Page
 * @property {import('../ui/app.js').AqApp} app
 * @property {import('../session.js').Session} session
 * @property {import('../media/localmedia.js').LocalMedia} local
 * @property {import('../media/support.js').Support} support
 * @property {import('./preferences.js').Preferences} preferences
 * @property {import('./weakness.js').Weakness} weakness
 * @property {import('./comeback.js').Comeback} comeback
 * @property {View} view
 * @property {() => void} draw   soon
 * @property {() => void} drawNow
 * @property {() => void} openPreview  of what is permitted
 * @property {(who: {room: string, username: string}, signal: AbortSignal, apart: boolean) =>
 *   Promise<import('../protocol/validate.js').Admission|import('../protocol/validate.js').Refusal>} validate
 * @property {(name: string) => void} mark  a moment on the way to the first frame
 */

/** @returns {View} */
export function emptyView() {
  return { panel: null, unread: 0, audioBlocked: false, asking: false, figures: null, layout: 'grid', room: '', recent: [], read: null };
}

/**
 * Acts on what an element tells.
 *
 * @template T
 * @param {Page} page
 * @param {string} name
 * @param {(detail: T) => void} run
 */
export function on(page, name, run) {
  page.app.addEventListener(name, (event) => run(/** @type {CustomEvent<T>} */ (event).detail));
}
