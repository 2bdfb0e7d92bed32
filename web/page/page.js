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
 * @property {readonly string[]} pins      keys of tiles that are to be large
 * @property {string|null} maximized       the key of the only tile that is to be seen
 * @property {ReadonlySet<string>} statistics  keys of tiles that show their figures; `*`: all
 * @property {string|null} picture         the key of the tile that has a window of its own
 * @property {boolean} talking             the microphone is on for as long as a key is held
 * @property {((model: import('../ui/app.js').AppModel) => void)|null} onDrawn  who else shows what the page shows
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
  return { panel: null, unread: 0, audioBlocked: false, asking: false, figures: null, pins: [], maximized: null, statistics: new Set(), picture: null, talking: false, onDrawn: null, room: '', recent: [], read: null };
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
