/** One person's camera or shared screen, or the initials where there is no picture. */

import { enumeration } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { Stall } from './stall.js';
import { hueOf, initials, isPoor, markText, qualityText } from './text.js';

/**
 * A tile as it is shown: `spared` is one whose picture is not asked for, to save data.
 *
 * @typedef {import('../model.js').Tile & {pinned: boolean, spared: boolean}} Tile
 */
/** @typedef {import('./layout.js').Rect} Rect */

/** An m-line that was just given another source may still show a few frames of the old one. */
const STALE_FRAMES_MS = 250;

/** @type {WeakMap<MediaStream, string>} whose picture a stream carried last */
const lastShown = new WeakMap();

/** @extends {AqElement<Tile>} */
export class AqTile extends AqElement {
  /** @type {HTMLVideoElement} */
  #video = h('video', { playsinline: true, autoplay: true, muted: true, tabindex: -1, 'aria-hidden': 'true' });
  #avatar = h('div', { class: 'tile-avatar', 'aria-hidden': 'true' });
  #name = h('span', { class: 'tile-name', dir: 'auto' });
  #muted = h('span', { class: 'tile-muted', title: t('tile.microphone-off'), 'data-testid': 'tile-muted' }, icon('microphone-off'));
  #hand = h('span', { class: 'tile-hand', title: t('tile.hand'), 'data-testid': 'tile-hand' }, icon('hand'));
  #pinned = h('span', { class: 'tile-pinned', title: t('tile.pinned'), 'data-testid': 'tile-pinned' }, icon('pin'));
  #quality = h('span', { class: 'quality', 'data-testid': 'tile-quality', hidden: true }, h('i'), h('i'), h('i'), h('i'));
  #menu = h('button', { type: 'button', class: 'round tile-menu', 'aria-haspopup': 'menu', 'aria-expanded': 'false', tabindex: -1, 'data-testid': 'tile-menu' }, icon('more'));
  #lost = h('div', { class: 'tile-lost', 'data-testid': 'tile-lost' }, icon('lost'), t('tile.lost'));
  #stillText = h('span', {});
  #still = h('div', { class: 'tile-still', 'data-testid': 'tile-still', hidden: true }, icon('pause'), icon('lost'), this.#stillText);
  #stall = new Stall();
  #shown = 0;
  #awaited = false;
  #status = h('span', { class: 'sr-only' });
  /** Counts changes of the picture, so that a late first frame of an earlier one is ignored. */
  #generation = 0;
  #firstFrameSeen = false;
  /** @type {Rect|null} */
  #rect = null;

  /** @override */
  build() {
    // As an attribute alone, `muted` counts only for videos the parser made.
    this.#video.muted = true;
    setAttribute(this, 'role', 'listitem');
    this.append(
      this.#video,
      this.#avatar,
      this.#lost,
      this.#still,
      h('div', { class: 'tile-label' }, this.#pinned, this.#hand, this.#muted, this.#quality, this.#name, this.#status),
      this.#menu,
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#video.addEventListener(
      'resize',
      () => {
        this.#fit();
        this.emit('aq-shape');
      },
      { signal },
    );
    // Some browsers pause a video whose tab or element was away for a while.
    this.#video.addEventListener('pause', () => this.#play(), { signal });
    this.#play();
    this.#menu.addEventListener('click', () => this.model && this.emit('aq-open-menu', { name: `tile:${this.model.key}`, anchor: this.#menu }), { signal });
    this.addEventListener('dblclick', (event) => this.model && !this.#menu.contains(/** @type {Node} */ (event.target)) && this.emit('aq-pin', this.model.key), { signal });
  }

  /** @override @param {Tile} tile */
  render(tile) {
    setAttribute(this, 'data-testid', 'tile');
    setAttribute(this, 'data-peer-id', tile.peerId);
    setAttribute(this, 'data-source', tile.source);
    setAttribute(this, 'data-self', tile.self);
    setAttribute(this, 'data-name', tile.name);
    setAttribute(this, 'data-speaking', tile.speaking);
    const title = tile.source === 'screen' ? t('tile.screen', { name: tile.name }) : tile.self ? t('common.you', { name: tile.name }) : tile.name;
    setText(this.#name, title);
    this.#muted.hidden = tile.microphone || tile.source === 'screen';
    this.#hand.hidden = !tile.hand;
    this.#pinned.hidden = !tile.pinned;
    const poor = tile.source === 'camera' && isPoor(tile);
    this.#quality.hidden = !poor;
    setAttribute(this.#quality, 'data-score', tile.quality);
    setAttribute(this.#quality, 'title', poor ? t('tile.quality', { quality: qualityText(tile.quality) }) : null);
    setAttribute(this.#menu, 'aria-label', t('tile.options', { name: title }));
    this.#lost.hidden = !tile.lost;
    setText(this.#avatar, initials(tile.name));
    this.#avatar.className = `tile-avatar hue-${hueOf(tile.peerId || tile.name)}`;
    this.#avatar.hidden = tile.source === 'screen';
    this.#show(tile);
    this.#mark(tile);
  }

  /** What of it takes the focus: its menu. @returns {HTMLButtonElement} */
  get handle() {
    return this.#menu;
  }

  /** The picture itself. @returns {HTMLVideoElement} */
  get video() {
    return this.#video;
  }

  /**
   * Looks whether the picture still moves; to be called twice a second.
   *
   * @param {boolean} visible  whether anybody could see it
   * @param {number} now       milliseconds
   */
  watch(visible, now) {
    const { model } = this;
    if (!model) return;
    const watched = visible && !this.hidden && !model.self && this.hasAttribute('data-video');
    this.#stall.sample(watched ? this.#frames() : 0, watched, model.source, now);
    this.#mark(model);
  }

  /** A count that grows while the video shows new frames; 0: this browser does not tell. */
  #frames() {
    const total = this.#video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    if (total > 0 || !('requestVideoFrameCallback' in this.#video)) return total;
    // Firefox counts no frames of a live stream, but says when it shows one; once between two looks is enough.
    if (!this.#awaited) {
      this.#awaited = true;
      this.#video.requestVideoFrameCallback(() => {
        this.#awaited = false;
        this.#shown += 1;
      });
    }
    return this.#shown;
  }

  /** @param {Tile} tile */
  #mark(tile) {
    const { stalled } = this.#stall;
    const text = tile.spared && tile.trackId ? t('tile.spared') : markText(tile, stalled);
    setAttribute(this, 'data-stalled', stalled);
    this.#still.hidden = text === '';
    setAttribute(this.#still, 'data-repairing', tile.repairing);
    setAttribute(this, 'data-spared', tile.spared);
    setText(this.#stillText, text);
    setText(this.#status, statusOf(tile, text));
  }

  /** Width by height of the picture; null while there is none. @returns {number|null} */
  get shape() {
    const { videoWidth, videoHeight } = this.#video;
    return this.#video.srcObject && videoHeight > 0 ? videoWidth / videoHeight : null;
  }

  /** Follows a pointer that drags it. @param {number} dx @param {number} dy */
  shift(dx, dy) {
    if (!this.#rect) return;
    setAttribute(this, 'data-dragging', true);
    this.style.transform = `translate(${this.#rect.x + dx}px, ${this.#rect.y + dy}px)`;
  }

  /** Lets it go, to where it belongs. */
  drop() {
    setAttribute(this, 'data-dragging', false);
    const rect = this.#rect;
    this.#rect = null;
    if (rect) this.place(rect);
  }

  /** @param {Rect} rect  where the tile is; its size also decides how the picture is cut */
  place(rect) {
    const last = this.#rect;
    this.#rect = rect;
    if (this.hasAttribute('data-dragging')) return;
    if (last && last.x === rect.x && last.y === rect.y && last.width === rect.width && last.height === rect.height) return;
    this.style.width = `${rect.width}px`;
    this.style.height = `${rect.height}px`;
    this.style.transform = `translate(${rect.x}px, ${rect.y}px)`;
    this.#avatar.style.fontSize = `${Math.round(Math.min(rect.width, rect.height) * 0.14 + 6)}px`;
    setAttribute(this, 'data-size', rect.width < 180 || rect.height < 110 ? 'small' : 'normal');
    this.#fit();
  }

  /** @param {Tile} tile */
  #show(tile) {
    if (this.#video.srcObject === tile.stream) return;
    this.#generation += 1;
    this.#video.srcObject = tile.stream;
    this.#stall.reset();
    setAttribute(this, 'data-video', false);
    if (!tile.stream) return;
    const reused = lastShown.has(tile.stream) && lastShown.get(tile.stream) !== tile.key;
    lastShown.set(tile.stream, tile.key);
    const generation = this.#generation;
    const wait = () => this.#awaitFrame(generation);
    if (reused) setTimeout(wait, STALE_FRAMES_MS);
    else wait();
    this.#play();
  }

  /** @param {number} generation */
  #awaitFrame(generation) {
    const shown = () => {
      if (generation !== this.#generation) return;
      setAttribute(this, 'data-video', true);
      this.#fit();
      if (this.#firstFrameSeen || this.model?.self) return;
      this.#firstFrameSeen = true;
      this.emit('aq-first-frame', { peerId: this.model?.peerId });
    };
    if ('requestVideoFrameCallback' in this.#video) this.#video.requestVideoFrameCallback(shown);
    else /** @type {HTMLVideoElement} */ (this.#video).addEventListener('timeupdate', shown, { once: true });
  }

  #play() {
    if (!this.#video.srcObject || !this.isConnected) return;
    // A muted video may always play; it is refused only while the stream is being changed.
    this.#video.play().catch(() => undefined);
  }

  /** Fills the tile unless that would cut away too much, as of an upright phone in a wide tile. */
  #fit() {
    const { shape } = this;
    if (!shape || !this.#rect) return;
    const ratio = shape / (this.#rect.width / this.#rect.height);
    const kept = Math.min(ratio, 1 / ratio);
    const whole = this.model?.source === 'screen' || kept < 0.55;
    setAttribute(this, 'data-fit', whole ? 'whole' : 'fill');
  }
}

/** @param {Tile} tile @param {string} mark */
function statusOf(tile, mark) {
  const words = mark ? [mark] : [];
  if (tile.pinned) words.push(t('tile.pinned'));
  if (tile.source === 'camera') {
    if (isPoor(tile)) words.push(t('tile.quality', { quality: qualityText(tile.quality) }));
    if (!tile.microphone) words.push(t('tile.microphone-off'));
    if (tile.hand) words.push(t('tile.hand'));
    if (tile.lost) words.push(t('tile.lost'));
  }
  return words.length > 0 ? `, ${enumeration(words)}` : '';
}

customElements.define('aq-tile', AqTile);
