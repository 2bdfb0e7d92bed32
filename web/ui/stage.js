/**
 * All tiles, and where they go. They lie in one container and are moved by
 * transforms: a `<video>` that is moved in the document would stop.
 */

import { number } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { largeOf, spared, viewsOf } from './arrangement.js';
import { drag } from './drag.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { layout, mirrored, nearestCorner, neighbour } from './layout.js';
import { Order } from './order.js';
import { AqTile } from './tile.js';
import { Voices } from './voices.js';

/** @typedef {import('../model.js').Tile} Tile */
/** @typedef {{call: import('../model.js').CallModel, arrangement: import('./arrangement.js').Arrangement}} StageModel */

/** Views change with every step of a resize; the server hears of them this often at most. */
const VIEW_DELAY_MS = 150;
/** How often it is looked whether pictures move. */
const WATCH_MS = 500;
/** In a lower stage what is large needs all of it now and then. */
const LOW = 380;

/** @extends {AqElement<StageModel>} */
export class AqStage extends AqElement {
  #list = h('div', { class: 'stage-tiles', role: 'list', 'aria-label': t('stage.label') });
  #alone = h(
    'div',
    { class: 'stage-alone', hidden: true },
    h('p', { class: 'stage-alone-title' }, t('stage.alone.title')),
    h('p', {}, t('stage.alone.text')),
    h('button', { type: 'button', class: 'button primary', 'data-action': 'copy', 'data-testid': 'invite-copy' }, icon('link'), t('stage.alone.copy')),
  );
  #previous = h('button', { type: 'button', class: 'round', 'aria-label': t('stage.previous'), 'data-testid': 'page-previous' }, icon('previous'));
  #next = h('button', { type: 'button', class: 'round', 'aria-label': t('stage.next'), 'data-testid': 'page-next' }, icon('next'));
  #count = h('span', { class: 'stage-count', 'aria-live': 'polite', 'data-testid': 'page-count' });
  #pager = h('div', { class: 'stage-pager', role: 'group', 'aria-label': t('stage.pages'), hidden: true }, this.#previous, this.#count, this.#next);
  #restore = h('button', { type: 'button', class: 'round stage-restore', 'aria-label': t('screenful.leave'), title: t('screenful.leave'), 'data-testid': 'restore', hidden: true }, icon('shrink'));
  /** @type {Map<string, AqTile>} */
  #tiles = new Map();
  #order = new Order();
  #voices = new Voices();
  /** @type {string|null} who has the floor */
  #floor = null;
  /** @type {Set<string>} whose pictures are not asked for */
  #spared = new Set();
  /** @type {ReturnType<typeof largeOf>} */
  #large = { large: [], whole: false, only: false };
  /** A tap on what is large has put the others away. */
  #only = false;
  #page = 0;
  #pages = 1;
  #perPage = 1;
  #size = { width: 0, height: 0 };
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #viewTimer;
  /** @type {ReadonlyMap<string, import('./layout.js').Rect>} where tiles are now */
  #rects = new Map();
  /** The tile that Tab leads to. */
  #entry = '';

  /** @override */
  build() {
    this.append(this.#list, this.#alone, this.#pager, this.#restore);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    const resize = new ResizeObserver(([entry]) => {
      this.#size = { width: entry.contentRect.width, height: entry.contentRect.height };
      this.#arrange();
    });
    resize.observe(this.#list);
    const watch = setInterval(() => this.#watch(), WATCH_MS);
    signal.addEventListener('abort', () => {
      resize.disconnect();
      clearTimeout(this.#viewTimer);
      this.#viewTimer = undefined;
      clearInterval(watch);
    });
    this.#alone.querySelector('button')?.addEventListener('click', () => this.emit('aq-copy-link'), { signal });
    this.#list.addEventListener('aq-shape', () => this.#arrange(), { signal });
    this.#list.addEventListener('keydown', (event) => this.#step(event), { signal });
    this.#list.addEventListener('focusin', (event) => this.#enter(/** @type {Element} */ (event.target).closest('aq-tile')), { signal });
    this.#list.addEventListener('pointerdown', (event) => this.#grab(event), { signal });
    this.#list.addEventListener('click', (event) => this.#tap(event), { signal });
    this.#previous.addEventListener('click', () => this.turn(-1), { signal });
    this.#next.addEventListener('click', () => this.turn(1), { signal });
    this.#restore.addEventListener('click', () => this.emit('aq-maximize', this.model?.arrangement.maximized), { signal });
  }

  /** @override @param {StageModel} model */
  render(model) {
    const { call } = model;
    const present = new Set(call.tiles.map((tile) => tile.key));
    for (const [key, element] of this.#tiles) {
      if (present.has(key)) continue;
      element.remove();
      this.#tiles.delete(key);
    }
    this.#voices.keepOnly(present);
    for (const { key } of call.tiles) {
      if (this.#tiles.has(key)) continue;
      const element = new AqTile();
      this.#tiles.set(key, element);
      this.#list.append(element);
    }
    this.#alone.hidden = call.people.length > 1 || call.connection.kind === 'connecting';
    this.#choose(Date.now());
  }

  /** Who has the floor, by the key of his tile. @returns {string|null} */
  get floor() {
    return this.#floor;
  }

  /** The tile with that key. @param {string} key @returns {AqTile|undefined} */
  tile(key) {
    return this.#tiles.get(key);
  }

  /** The tile with that key, if it is visible. @param {string} key @returns {AqTile|null} */
  visibleTile(key) {
    return this.#rects.has(key) ? (this.#tiles.get(key) ?? null) : null;
  }

  /** Turns pages. @param {number} by */
  turn(by) {
    const before = this.#page;
    this.#page = Math.min(Math.max(this.#page + by, 0), this.#pages - 1);
    if (this.#page !== before) this.#arrange();
  }

  #watch() {
    const visible = !document.hidden && this.#list.offsetParent !== null;
    const now = performance.now();
    for (const tile of this.#tiles.values()) tile.watch(visible, now);
    if (this.model && this.model.call.speaking.length > 0) this.#choose(Date.now());
  }

  /** Decides who has the floor, what is large, and what is not asked for. @param {number} now */
  #choose(now) {
    const { model } = this;
    if (!model) return;
    const { call, arrangement } = model;
    this.#voices.note(call.speaking, now);
    const others = call.tiles.filter((tile) => tile.source === 'camera' && !tile.self).map((tile) => tile.key);
    const before = this.#floor;
    this.#floor = this.#voices.floor(others, now);
    const large = largeOf(arrangement, call.tiles, this.#floor);
    // Whoever was large goes back to where the one stood who is large now.
    const spoke = large.large.length === 1 && large.large[0] === this.#floor && this.#large.large.length === 1 && this.#large.large[0] === before;
    if (spoke && before && this.#floor && before !== this.#floor) this.#order.exchange(before, this.#floor);
    this.#large = large;
    if (large.large.length === 0) this.#only = false;
    this.#spared = spared(arrangement, call.tiles, large.large, this.#floor);
    for (const tile of call.tiles) {
      const element = /** @type {AqTile} */ (this.#tiles.get(tile.key));
      const isSpared = this.#spared.has(tile.key);
      element.model = { ...tile, stream: isSpared ? null : tile.stream, spared: isSpared, pinned: arrangement.pins.includes(tile.key) };
      setAttribute(element, 'data-large', large.large.includes(tile.key));
      setAttribute(element, 'data-floor', tile.key === this.#floor);
    }
    this.#arrange(now);
    if (before !== this.#floor) this.emit('aq-floor');
  }

  #arrange(now = Date.now()) {
    const { model } = this;
    if (!model) return;
    const { call, arrangement } = model;
    const { large, whole, only } = this.#large;
    const self = call.tiles.find((tile) => tile.self && tile.source === 'camera')?.key ?? null;
    const keys = this.#order.arrange({
      keys: call.tiles.map((tile) => tile.key),
      large,
      page: this.#page,
      perPage: this.#perPage,
      lasting: this.#voices.lasting(now),
      spokeAt: this.#voices.spokeAt,
      self,
      now,
    });
    /** @type {Map<string, number>} */
    const shapes = new Map();
    for (const [key, { shape }] of this.#tiles) if (shape) shapes.set(key, shape);
    const { selfView, corner } = arrangement;
    const result = layout({ ...this.#size, keys, large, whole, only: only || this.#only, self, selfView, corner, page: this.#page, shapes });
    this.#rects = isRightToLeft() ? mirrored(result.rects, this.#size.width) : result.rects;
    this.#page = result.page;
    this.#pages = result.pages;
    this.#perPage = result.perPage;
    this.#show(result);
    // Not put off by each change: while people speak there is always another one.
    this.#viewTimer ??= setTimeout(() => this.#tellViews(), VIEW_DELAY_MS);
  }

  /** @param {import('./layout.js').Layout} result */
  #show({ floating, page, pages }) {
    for (const [key, element] of this.#tiles) {
      const rect = this.#rects.get(key);
      element.hidden = !rect;
      if (rect) element.place(rect);
      setAttribute(element, 'data-floating', key === floating);
    }
    if (!this.#rects.has(this.#entry)) this.#enter(this.#tiles.get(this.#rects.keys().next().value ?? '') ?? null);
    this.#restore.hidden = !this.#large.only;
    this.#pager.hidden = pages < 2;
    setAttribute(this.#pager, 'data-beside', this.#large.large.length > 0);
    this.#previous.disabled = page === 0;
    this.#next.disabled = page === pages - 1;
    setText(this.#count, `${number(page + 1)} / ${number(pages)}`);
  }

  #tellViews() {
    this.#viewTimer = undefined;
    const { model } = this;
    if (!model) return;
    const { saving, picture } = model.arrangement;
    const scale = window.devicePixelRatio || 1;
    this.emit('aq-views', viewsOf({ tiles: model.call.tiles, rects: this.#rects, scale, spared: this.#spared, saving, picture }));
  }

  /** One tile is reached by Tab, the others from there by the arrows. @param {Element|null} tile */
  #enter(tile) {
    const { model } = tile instanceof AqTile ? tile : { model: null };
    if (!model || model.key === this.#entry) return;
    const old = this.#tiles.get(this.#entry);
    if (old) old.handle.tabIndex = -1;
    this.#entry = model.key;
    /** @type {AqTile} */ (tile).handle.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #step(event) {
    const next = neighbour(this.#rects, this.#entry, event.key);
    if (next === null) return;
    event.preventDefault();
    this.#tiles.get(next)?.handle.focus();
  }

  /** Begins to drag the self view. @param {PointerEvent} event */
  #grab(event) {
    const target = /** @type {Element} */ (event.target);
    const tile = target.closest('aq-tile');
    if (!(tile instanceof AqTile) || !tile.hasAttribute('data-floating') || target.closest('button') || event.button !== 0) return;
    drag(
      event,
      tile,
      (dx, dy) => tile.shift(dx, dy),
      () => {
        const box = tile.getBoundingClientRect();
        const area = this.#list.getBoundingClientRect();
        const x = (box.left + box.width / 2 - area.left) / area.width;
        const y = (box.top + box.height / 2 - area.top) / area.height;
        tile.drop();
        this.emit('aq-corner', nearestCorner(isRightToLeft() ? 1 - x : x, y));
      },
    );
  }

  /** On a phone on its side a tap on what is large takes the others away, and brings them back. @param {MouseEvent} event */
  #tap(event) {
    const target = /** @type {Element} */ (event.target);
    if (this.#size.height > LOW || target.closest('button') || !target.closest('aq-tile[data-large]')) return;
    this.#only = !this.#only;
    this.#arrange();
  }
}

function isRightToLeft() {
  return document.documentElement.dir === 'rtl';
}

customElements.define('aq-stage', AqStage);
