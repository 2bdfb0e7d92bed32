/**
 * All tiles, and where they go. They lie in one container and are moved by
 * transforms: a `<video>` that is moved in the document would stop.
 */

import { number } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { layout, mirrored, speakerOf, steadyOrder } from './layout.js';
import { AqTile } from './tile.js';

/** @typedef {import('../model.js').Tile} Tile */

/** Views change with every step of a resize; the server hears of them this often at most. */
const VIEW_DELAY_MS = 150;
/** How often it is looked whether pictures move. */
const WATCH_MS = 500;

/** @extends {AqElement<import('../model.js').CallModel>} */
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
  #count = h('span', { class: 'stage-count', 'aria-live': 'polite' });
  #pager = h('div', { class: 'stage-pager', role: 'group', 'aria-label': t('stage.pages'), hidden: true }, this.#previous, this.#count, this.#next);
  /** @type {Map<string, AqTile>} */
  #tiles = new Map();
  /** @type {string[]} */
  #order = [];
  /** @type {Map<string, number>} */
  #spokeAt = new Map();
  /** `speaker`: one person is large while nobody shows a screen. @type {'grid'|'speaker'} */
  layout = 'grid';
  /** Who is. @type {string|null} */
  #speaker = null;
  #page = 0;
  #perPage = 1;
  #size = { width: 0, height: 0 };
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #viewTimer;
  /** @type {ReadonlyMap<string, import('./layout.js').Rect>} where tiles are now */
  #rects = new Map();

  /** @override */
  build() {
    this.append(this.#list, this.#alone, this.#pager);
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
    this.#previous.addEventListener('click', () => this.#turn(-1), { signal });
    this.#next.addEventListener('click', () => this.#turn(1), { signal });
  }

  /** @override @param {import('../model.js').CallModel} model */
  render(model) {
    const present = new Set(model.tiles.map((tile) => tile.key));
    for (const [key, element] of this.#tiles) {
      if (present.has(key)) continue;
      element.remove();
      this.#tiles.delete(key);
      this.#spokeAt.delete(key);
    }
    for (const tile of model.tiles) {
      let element = this.#tiles.get(tile.key);
      if (!element) {
        element = new AqTile();
        this.#tiles.set(tile.key, element);
        this.#list.append(element);
      }
      element.model = tile;
    }
    const now = Date.now();
    for (const key of model.speaking) this.#spokeAt.set(key, now);
    this.#alone.hidden = model.people.length > 1 || model.connection.kind === 'connecting';
    this.#arrange();
  }

  #watch() {
    const visible = !document.hidden && this.#list.offsetParent !== null;
    const now = performance.now();
    for (const tile of this.#tiles.values()) tile.watch(visible, now);
  }

  /** @param {number} by */
  #turn(by) {
    this.#page += by;
    this.#arrange();
  }

  #arrange() {
    const { model } = this;
    if (!model) return;
    const keys = model.tiles.map((tile) => tile.key);
    const self = model.tiles.find((tile) => tile.self && tile.source === 'camera')?.key ?? null;
    this.#order = steadyOrder(this.#order, keys, model.speaking, this.#spokeAt, this.#perPage, self);
    // Somebody else's screen is why people look; one's own one knows already.
    const featured = model.tiles.filter((tile) => tile.source === 'screen' && !tile.self).map((tile) => tile.key);
    if (this.layout === 'speaker' && featured.length === 0) {
      const others = model.tiles.filter((tile) => !tile.self).map((tile) => tile.key);
      this.#speaker = speakerOf(others, this.#spokeAt, this.#speaker);
      // The only other one is large anyway.
      if (this.#speaker && others.length > 1) featured.push(this.#speaker);
    }
    /** @type {Map<string, number>} */
    const shapes = new Map();
    for (const [key, { shape }] of this.#tiles) if (shape) shapes.set(key, shape);
    const result = layout({ ...this.#size, keys: this.#order, featured, self, page: this.#page, shapes });
    const rects = document.documentElement.dir === 'rtl' ? mirrored(result.rects, this.#size.width) : result.rects;
    this.#page = result.page;
    this.#perPage = result.perPage;
    for (const [key, element] of this.#tiles) {
      const rect = rects.get(key);
      element.hidden = !rect;
      if (rect) element.place(rect);
      setAttribute(element, 'data-floating', key === result.floating);
    }
    this.#pager.hidden = result.pages < 2;
    setAttribute(this.#pager, 'data-beside', featured.length > 0);
    this.#previous.disabled = result.page === 0;
    this.#next.disabled = result.page === result.pages - 1;
    setText(this.#count, `${number(result.page + 1)} / ${number(result.pages)}`);
    this.#rects = rects;
    // Not put off by each change: while people speak there is always another one.
    this.#viewTimer ??= setTimeout(() => this.#tellViews(), VIEW_DELAY_MS);
  }

  #tellViews() {
    this.#viewTimer = undefined;
    const scale = window.devicePixelRatio || 1;
    const views = [];
    for (const tile of this.model?.tiles ?? []) {
      if (!tile.trackId) continue;
      const rect = this.#rects.get(tile.key);
      views.push(
        rect
          ? { track_id: tile.trackId, width: Math.round(rect.width * scale), height: Math.round(rect.height * scale) }
          : { track_id: tile.trackId, hidden: true },
      );
    }
    this.emit('aq-views', views);
  }
}

customElements.define('aq-stage', AqStage);
