/** Figures on the tiles, read while somebody looks at them. */

import { tileFigures } from '../media/tilestats.js';
import { AqTileFigures } from '../ui/tilefigures.js';

/** @typedef {import('./page.js').Page} Page */

const EVERY_MS = 1000;
/** Every tile. */
const ALL = '*';

/** @type {ReturnType<typeof setInterval>|undefined} */
let timer;
/** @type {Map<string, import('../media/tilestats.js').Count>} by key of the tile */
const counts = new Map();

/** @param {Page} page @param {string} key  of a tile; `*`: all of them */
export function toggleStatistics(page, key) {
  const { view, draw } = page;
  const shown = new Set(view.statistics);
  if (shown.has(key)) shown.delete(key);
  else if (shown.has(ALL)) shown.clear();
  else shown.add(key);
  view.statistics = shown;
  clearInterval(timer);
  if (shown.size > 0) timer = setInterval(() => read(page), EVERY_MS);
  read(page);
  draw();
}

/** @param {Page} page */
async function read({ app, session, view }) {
  if (view.statistics.size === 0) clearInterval(timer);
  const report = view.statistics.size > 0 ? await session.stats() : null;
  const reports = report ? [...report.values()] : [];
  const tiles = app.call.model?.call.tiles ?? [];
  const { statistics } = view;
  for (const { key, mid, self, layer } of tiles) {
    const tile = app.call.stage?.visibleTile(key);
    const old = /** @type {AqTileFigures|null} */ (tile?.querySelector('aq-tile-figures') ?? null);
    if (!tile || !(statistics.has(key) || statistics.has(ALL))) {
      old?.remove();
      counts.delete(key);
      continue;
    }
    const { figures, count } = tileFigures(reports, { mid, self, layer }, counts.get(key) ?? null);
    counts.set(key, count);
    const element = old ?? new AqTileFigures();
    if (!old) tile.append(element);
    element.model = figures;
  }
}
