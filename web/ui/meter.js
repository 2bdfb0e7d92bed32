/** A bar that shows how loud the microphone is. */

import { t } from '../i18n/i18n.js';
import { watchLevel } from '../media/levels.js';
import { AqElement, h, setAttribute } from './element.js';

/** @extends {AqElement<{track: MediaStreamTrack|null}>} */
export class AqMeter extends AqElement {
  #bar = h('div', { class: 'meter-bar' });
  /** @type {MediaStreamTrack|null} */
  #track = null;
  /** @type {(() => void)|null} */
  #stop = null;

  /** @override */
  build() {
    setAttribute(this, 'role', 'meter');
    setAttribute(this, 'aria-label', t('device.level'));
    setAttribute(this, 'aria-valuemin', 0);
    setAttribute(this, 'aria-valuemax', 100);
    setAttribute(this, 'data-testid', 'level-meter');
    this.#show(0);
    this.append(this.#bar);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    signal.addEventListener('abort', () => this.#watch(null));
  }

  /** @override @param {{track: MediaStreamTrack|null}} model */
  render({ track }) {
    this.#watch(track);
  }

  /** @param {MediaStreamTrack|null} track */
  #watch(track) {
    if (track === this.#track) return;
    this.#stop?.();
    this.#track = track;
    this.#stop = track ? watchLevel(track, (level) => this.#show(level)) : null;
    if (!track) this.#show(0);
  }

  /** @param {number} level 0 to 1 */
  #show(level) {
    this.#bar.style.transform = `scaleX(${level.toFixed(3)})`;
    setAttribute(this, 'aria-valuenow', Math.round(level * 100));
  }
}

customElements.define('aq-meter', AqMeter);
