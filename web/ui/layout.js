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
/** Of the self view to the edges. */
const MARGIN = 12;
/** An upright area of less width is that of a phone. */
const NARROW = 560;
/** More others than these leave no room for a self view above them. */
const MOST_BESIDE_FLOATING = 3;

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
 * @param {readonly string[]} keys at least one
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

/** @typedef {'bottom-end'|'bottom-start'|'top-end'|'top-start'} Corner */
/**
 * Where our own picture is: as it fits, always in a corner above the others, or nowhere.
 *
 * @typedef {'auto'|'float'|'hidden'} SelfView
 */
/**
 * @typedef {object} LayoutInput
 * @property {number} width
 * @property {number} height
 * @property {readonly string[]} keys    tiles in order
 * @property {readonly string[]} large   those of them that are shown large
 * @property {boolean} [whole]           nothing of the large ones may be cut away: shared screens
 * @property {boolean} [only]            the others are not shown while there are large ones
 * @property {string|null} self          our own camera
 * @property {SelfView} [selfView]
 * @property {Corner} [corner]           of our own picture, where it floats
 * @property {number} page               from 0
 * @property {ReadonlyMap<string, number>} [shapes]  width by height of the pictures that are known
 */
/**
 * @typedef {object} Layout
 * @property {Map<string, Rect>} rects   tiles that are not in it are not visible
 * @property {number} pages
 * @property {number} page
 * @property {number} perPage            of the tiles that are not large
 * @property {string|null} floating      lies above the others
 */

/**
 * @param {LayoutInput} input
 * @returns {Layout}
 */
export function layout(input) {
  const { width, height, self, shapes } = input;
  /** @type {Map<string, Rect>} */
  const rects = new Map();
  const keys = input.selfView === 'hidden' ? input.keys.filter((key) => key !== self || input.large.includes(key)) : input.keys;
  const large = input.large.filter((key) => keys.includes(key));
  const area = { x: 0, y: 0, width, height };
  if (width <= 0 || height <= 0 || keys.length === 0) return { rects, pages: 1, page: 0, perPage: 1, floating: null };
  const only = input.only === true && large.length > 0;
  const floating = !only && floats(input, keys, large) ? self : null;
  const rest = only ? [] : keys.filter((key) => key !== floating && !large.includes(key));
  const [main, beside] = large.length > 0 && rest.length > 0 ? split(area, rest.length) : [area, area];
  if (large.length > 0) place(main, large, rects, shapes?.get(large[0]), input.whole ? 1 : KEPT_ALONE);
  const pages = inPages(beside, rest, input.page);
  if (pages.shown.length > 0) place(pages.area, pages.shown, rects, shapes?.get(pages.shown[0]));
  if (floating !== null) {
    const [first] = rects.values();
    rects.set(floating, cornerRect(area, rects.size === 1 ? first : area, input.corner ?? 'bottom-end', shapes?.get(floating)));
  }
  return { rects, pages: pages.count, page: pages.page, perPage: pages.perPage, floating };
}

/**
 * Whether our own picture lies above the others: with a single one, and on an
 * upright phone with few, where a tile of its own would make theirs small.
 *
 * @param {LayoutInput} input
 * @param {readonly string[]} keys
 * @param {readonly string[]} large
 */
function floats({ self, selfView, width, height }, keys, large) {
  if (self === null || keys.length < 2 || !keys.includes(self) || large.includes(self)) return false;
  if (selfView === 'float') return true;
  const others = keys.length - large.length - 1;
  if (large.length > 0) return others === 0;
  return others === 1 || (others <= MOST_BESIDE_FLOATING && height > width && width < NARROW);
}

/** @param {Rect} area @param {readonly string[]} keys @param {number} wanted  a page, which may be gone */
function inPages(area, keys, wanted) {
  const fits = capacity(area.width, area.height) >= keys.length;
  const inner = fits ? area : { ...area, height: Math.max(area.height - PAGER_HEIGHT, 1) };
  const count = fits ? 1 : Math.ceil(keys.length / capacity(inner.width, inner.height));
  // Pages of equal size: not fifteen people and then one.
  const perPage = Math.max(Math.ceil(keys.length / count), 1);
  const page = Math.min(Math.max(wanted, 0), count - 1);
  return { area: inner, count, perPage, page, shown: keys.slice(page * perPage, (page + 1) * perPage) };
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
 * @param {Corner} corner
 * @param {number} [picture] width by height of our own
 * @returns {Rect}
 */
function cornerRect(area, other, corner, picture = USUAL_SHAPE) {
  const shape = Math.min(Math.max(picture, 3 / 4), WIDEST);
  const upright = area.height > area.width;
  const width = Math.round(Math.min(area.width * (!upright ? 0.2 : shape > 1 ? 0.4 : 0.28), 260));
  const height = Math.round(width / shape);
  const within = other.height > height * 2.5 && other.width > width * 2 ? other : area;
  const [vertical, horizontal] = corner.split('-');
  return {
    x: horizontal === 'end' ? within.x + within.width - width - MARGIN : within.x + MARGIN,
    y: vertical === 'bottom' ? within.y + within.height - height - MARGIN : within.y + MARGIN,
    width,
    height,
  };
}

/**
 * The corner that a point is nearest to, as `x` and `y` from the start and the top.
 *
 * @param {number} x  from 0 to 1
 * @param {number} y  from 0 to 1
 * @returns {Corner}
 */
export function nearestCorner(x, y) {
  return `${y < 0.5 ? 'top' : 'bottom'}-${x < 0.5 ? 'start' : 'end'}`;
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

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * The tile that an arrow key leads to.
 *
 * @param {ReadonlyMap<string, Rect>} rects  as they are on the screen
 * @param {string} from
 * @param {string} key  as in KeyboardEvent
 * @returns {string|null} null: there is none, or it is no arrow
 */
export function neighbour(rects, from, key) {
  const direction = DIRECTIONS[key];
  const start = rects.get(from);
  if (!direction || !start) return null;
  const [dx, dy] = direction;
  const middle = (/** @type {Rect} */ r) => ({ x: r.x + r.width / 2, y: r.y + r.height / 2 });
  const { x, y } = middle(start);
  let best = null;
  let least = Infinity;
  for (const [other, rect] of rects) {
    const to = middle(rect);
    const ahead = (to.x - x) * dx + (to.y - y) * dy;
    const aside = Math.abs((to.x - x) * dy) + Math.abs((to.y - y) * dx);
    // What is more to the side than ahead lies in another direction.
    if (other === from || ahead < 1 || aside > ahead || ahead + aside * 2 >= least) continue;
    [best, least] = [other, ahead + aside * 2];
  }
  return best;
}
