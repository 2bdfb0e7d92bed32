/** Which tiles are large, and which pictures are asked for. Pure. */

/** @typedef {import('../model.js').Tile} Tile */
/** @typedef {import('./layout.js').Rect} Rect */
/** @typedef {import('../protocol/messages.js').ViewEntry} ViewEntry */
/** As it fits, all of one size, or who speaks large. @typedef {'auto'|'grid'|'speaker'} LayoutChoice */

/**
 * What somebody has chosen.
 *
 * @typedef {object} Arrangement
 * @property {LayoutChoice} layout
 * @property {readonly string[]} pins        keys of tiles that are to be large
 * @property {string|null} maximized         the only tile that is to be seen
 * @property {boolean} fullScreen            the page takes the whole screen
 * @property {import('./layout.js').SelfView} selfView
 * @property {import('./layout.js').Corner} corner
 * @property {boolean} saving                as few pictures as possible
 * @property {ReadonlySet<string>} statistics  tiles that show their figures
 * @property {string|null} picture           the tile that is shown in a window of its own
 */

/**
 * @param {Arrangement} chosen
 * @param {readonly Tile[]} tiles
 * @param {string|null} floor  who has the floor
 * @returns {{large: string[], whole: boolean, only: boolean}}
 */
export function largeOf({ layout, pins, maximized }, tiles, floor) {
  const keys = tiles.map((tile) => tile.key);
  // Somebody else's screen is why people look; one's own one knows already.
  const screens = tiles.filter((tile) => tile.source === 'screen' && !tile.self).map((tile) => tile.key);
  const pinned = pins.filter((key) => keys.includes(key));
  const whole = (/** @type {string[]} */ large) => large.every((key) => screens.includes(key));
  if (maximized !== null && keys.includes(maximized)) return { large: [maximized], whole: true, only: true };
  if (pinned.length > 0) return { large: pinned, whole: whole(pinned), only: false };
  if (layout !== 'grid' && screens.length > 0) return { large: screens, whole: true, only: false };
  if (layout === 'speaker' && floor !== null) return { large: [floor], whole: false, only: false };
  return { large: [], whole: false, only: false };
}

/** What a picture has at most while data is saved: the smallest layer of a camera of 720p. */
const SAVING = { width: 320, height: 180 };
/** Of the window above other windows. */
const PICTURE = { width: 480, height: 270 };

/**
 * Cameras that are not asked for while data is saved: all but those that are
 * large and of who has the floor.
 *
 * @param {Arrangement} chosen
 * @param {readonly Tile[]} tiles
 * @param {readonly string[]} large
 * @param {string|null} floor
 * @returns {Set<string>}
 */
export function spared({ saving }, tiles, large, floor) {
  const cameras = saving ? tiles.filter((tile) => tile.source === 'camera' && !tile.self) : [];
  return new Set(cameras.map((tile) => tile.key).filter((key) => key !== floor && !large.includes(key)));
}

/**
 * What the server is told about how tracks are shown.
 *
 * @param {object} what
 * @param {readonly Tile[]} what.tiles
 * @param {ReadonlyMap<string, Rect>} what.rects
 * @param {number} what.scale     device pixels for one of CSS
 * @param {ReadonlySet<string>} what.spared
 * @param {boolean} what.saving
 * @param {string|null} what.picture  as in Arrangement
 * @returns {ViewEntry[]}
 */
export function viewsOf({ tiles, rects, scale, spared, saving, picture }) {
  /** @type {ViewEntry[]} */
  const views = [];
  for (const { key, trackId, source } of tiles) {
    if (!trackId) continue;
    const rect = rects.get(key) ?? (key === picture ? PICTURE : null);
    if (!rect || spared.has(key)) {
      views.push({ track_id: trackId, hidden: true });
      continue;
    }
    const least = saving && source === 'camera' ? Math.min(1, SAVING.width / (rect.width * scale), SAVING.height / (rect.height * scale)) : 1;
    views.push({ track_id: trackId, width: Math.round(rect.width * scale * least), height: Math.round(rect.height * scale * least) });
  }
  return views;
}
