/** Where each tile goes. Pure. Lengths are CSS pixels. */

/** @typedef {{x: number, y: number, width: number, height: number}} Rect */
/** @typedef {{columns: number, rows: number, width: number, height: number}} Grid */

const GAP = 8;
/** Widest and narrowest shape of a tile among others. */
const WIDEST = 16 / 9;
const NARROWEST = 1;
/** A tile alone takes the shape of the area as far as this share of its picture stays visible. */
const KEPT_ALONE = 0.6;
/** The shape of a picture that is not known yet. */
const USUAL_SHAPE = 16 / 9;
/** What the buttons below the pages take. */
const PAGER_HEIGHT = 50;
/** Smaller tiles than these show nobody; further people come on the next page. */
const SMALLEST_WIDTH = 132;
const SMALLEST_HEIGHT = 92;
/** As many video slots as the server gives by default. */
const MOST = 25;

/**
 * The grid of equal tiles that covers most of an area.
 *
 * @param {number} width
 * @param {number} height
 * @param {number} count at least 1
 * @param {number} [picture]  width by height of the picture, where there is only one
 * @param {number} [kept]     how much of it has to stay visible, from 0 to 1
 * @returns {Grid}
 */
export function bestGrid(width, height, count, picture = USUAL_SHAPE, kept = KEPT_ALONE) {
  const narrowest = count === 1 ? picture * kept : NARROWEST;
  const widest = count === 1 ? Math.max(picture, Math.min(picture / kept, WIDEST)) : WIDEST;
  /** @type {Grid} */
  let best = { columns: 1, rows: count, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = Math.max((width - GAP * (columns - 1)) / columns, 1);
    const cellHeight = Math.max((height - GAP * (rows - 1)) / rows, 1);
    const shape = Math.min(Math.max(cellWidth / cellHeight, narrowest), widest);
    const tileWidth = Math.min(cellWidth, cellHeight * shape);
    const tile = { columns, rows, width: Math.floor(tileWidth), height: Math.floor(tileWidth / shape) };
    if (tile.width * tile.height > best.width * best.height) best = tile;
  }
  return best;
}

/**
 * How many tiles an area can show before they become too small.
 *
 * @param {number} width
 * @param {number} height
 * @returns {number} 1 to 25
 */
export function capacity(width, height) {
  for (let count = MOST; count > 1; count -= 1) {
    const grid = bestGrid(width, height, count);
    if (grid.width >= SMALLEST_WIDTH && grid.height >= SMALLEST_HEIGHT) return count;
  }
  return 1;
}

/**
 * Puts tiles in rows from the top left; the last row is centred, and so is the whole.
 *
 * @param {Rect} area
 * @param {string[]} keys at least one
 * @param {Map<string, Rect>} into
 * @param {number} [picture] as for bestGrid
 * @param {number} [kept] as for bestGrid
 */
function place(area, keys, into, picture, kept) {
  const grid = bestGrid(area.width, area.height, keys.length, picture, kept);
  const top = area.y + (area.height - grid.rows * grid.height - (grid.rows - 1) * GAP) / 2;
  keys.forEach((key, index) => {
    const row = Math.floor(index / grid.columns);
    const inRow = Math.min(grid.columns, keys.length - row * grid.columns);
    const left = area.x + (area.width - inRow * grid.width - (inRow - 1) * GAP) / 2;
    into.set(key, {
      x: Math.round(left + (index - row * grid.columns) * (grid.width + GAP)),
      y: Math.round(top + row * (grid.height + GAP)),
      width: grid.width,
      height: grid.height,
    });
  });
}

/**
 * @typedef {object} LayoutInput
 * @property {number} width
 * @property {number} height
 * @property {string[]} keys      tiles in order
 * @property {string[]} featured  those of them that are shown large: shared screens
 * @property {string|null} self   our own camera; with a single other it floats in a corner
 * @property {number} page        from 0
 * @property {ReadonlyMap<string, number>} [shapes]  width by height of the pictures that are known
 */
/**
 * @typedef {object} Layout
 * @property {Map<string, Rect>} rects   tiles that are not in it are not visible
 * @property {number} pages
 * @property {number} page
 * @property {number} perPage
 * @property {string|null} floating      lies above the others
 */

/**
 * @param {LayoutInput} input
 * @returns {Layout}
 */
export function layout(input) {
  const { width, height, self } = input;
  /** @type {Map<string, Rect>} */
  const rects = new Map();
  const featured = input.featured.filter((key) => input.keys.includes(key));
  const rest = input.keys.filter((key) => !featured.includes(key));
  const area = { x: 0, y: 0, width, height };
  if (width <= 0 || height <= 0 || input.keys.length === 0) return { rects, pages: 1, page: 0, perPage: 1, floating: null };

  if (featured.length === 0 && rest.length === 2 && self !== null && rest.includes(self)) {
    const other = rest[0] === self ? rest[1] : rest[0];
    place(area, [other], rects, input.shapes?.get(other));
    rects.set(self, corner(area, /** @type {Rect} */ (rects.get(other)), input.shapes?.get(self)));
    return { rects, pages: 1, page: 0, perPage: 2, floating: self };
  }

  const [large, small] = featured.length > 0 && rest.length > 0 ? split(area, rest.length) : [area, area];
  if (featured.length > 0) place(large, featured, rects, input.shapes?.get(featured[0]), 1);
  const fits = capacity(small.width, small.height) >= rest.length;
  const people = fits ? small : { ...small, height: Math.max(small.height - PAGER_HEIGHT, 1) };
  const pages = fits ? 1 : Math.ceil(rest.length / capacity(people.width, people.height));
  // Pages of equal size: not fifteen people and then one.
  const perPage = Math.max(Math.ceil(rest.length / pages), 1);
  const page = Math.min(Math.max(input.page, 0), pages - 1);
  const shown = rest.slice(page * perPage, (page + 1) * perPage);
  if (shown.length > 0) place(people, shown, rects, input.shapes?.get(shown[0]));
  return { rects, pages, page, perPage, floating: null };
}

/**
 * The same from right to left.
 *
 * @param {Map<string, Rect>} rects
 * @param {number} width  of the area
 * @returns {Map<string, Rect>}
 */
export function mirrored(rects, width) {
  return new Map([...rects].map(([key, rect]) => [key, { ...rect, x: width - rect.x - rect.width }]));
}

/**
 * A place for the self view: over the only other person, or beside him where his picture is small.
 *
 * @param {Rect} area
 * @param {Rect} other
 * @param {number} [picture] width by height of our own
 * @returns {Rect}
 */
function corner(area, other, picture = USUAL_SHAPE) {
  const shape = Math.min(Math.max(picture, 3 / 4), WIDEST);
  const upright = area.height > area.width;
  const width = Math.round(Math.min(area.width * (!upright ? 0.2 : shape > 1 ? 0.4 : 0.28), 260));
  const height = Math.round(width / shape);
  const within = other.height > height * 2.5 && other.width > width * 2 ? other : area;
  return { x: within.x + within.width - width - 12, y: within.y + within.height - height - 12, width, height };
}

/** Divides an area into a large part and a strip for the people beside it. @param {Rect} area @param {number} people @returns {[Rect, Rect]} */
function split(area, people) {
  if (area.width >= area.height * 1.2) {
    const strip = Math.round(Math.min(Math.max(area.width * (people > 6 ? 0.26 : 0.2), SMALLEST_WIDTH), 400));
    return [
      { ...area, width: area.width - strip - GAP },
      { ...area, x: area.width - strip, width: strip },
    ];
  }
  const strip = Math.round(Math.min(Math.max(area.height * (people > 4 ? 0.36 : 0.26), SMALLEST_HEIGHT), 420));
  return [
    { ...area, height: area.height - strip - GAP },
    { ...area, y: area.height - strip, height: strip },
  ];
}

/**
 * Who is shown large: whoever spoke last, and of those who speak at the same
 * time the one who is large already, so that nothing jumps.
 *
 * @param {readonly string[]} keys  the others, in the order they came
 * @param {ReadonlyMap<string, number>} spokeAt  when each last spoke; missing: never
 * @param {string|null} before
 * @returns {string|null} null: nobody else is there
 */
export function speakerOf(keys, spokeAt, before) {
  const at = (/** @type {string} */ key) => spokeAt.get(key) ?? 0;
  let best = before !== null && keys.includes(before) ? before : (keys[0] ?? null);
  for (const key of keys) if (best !== null && at(key) > at(best)) best = key;
  return best;
}

/**
 * Keeps the order of tiles steady, but brings who speaks on a later page to
 * the first one, in place of whoever there has been silent for longest.
 *
 * @param {string[]} before  the last order
 * @param {string[]} keys    tiles there are now
 * @param {string[]} speaking  loudest first
 * @param {ReadonlyMap<string, number>} spokeAt  when each last spoke; missing: never
 * @param {number} perPage
 * @param {string|null} self   never moved
 * @returns {string[]}
 */
export function steadyOrder(before, keys, speaking, spokeAt, perPage, self) {
  const here = new Set(keys);
  const known = new Set(before);
  const order = [...before.filter((key) => here.has(key)), ...keys.filter((key) => !known.has(key))];
  for (const key of speaking) {
    const from = order.indexOf(key);
    if (from < perPage) continue;
    let quietest = -1;
    for (let index = 0; index < Math.min(perPage, order.length); index += 1) {
      if (order[index] === self || speaking.includes(order[index])) continue;
      const spoke = spokeAt.get(order[index]) ?? 0;
      if (quietest < 0 || spoke < (spokeAt.get(order[quietest]) ?? 0)) quietest = index;
    }
    if (quietest >= 0) [order[quietest], order[from]] = [order[from], order[quietest]];
  }
  return order;
}
