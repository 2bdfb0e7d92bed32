/** What stands in the small window above other windows. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { draw, icon } from './icons.js';
import { hueOf, initials } from './text.js';

/**
 * @typedef {object} PictureModel
 * @property {import('../model.js').Tile|null} tile  null: nobody else is there
 * @property {{microphone: boolean, camera: boolean}} on
 * @property {{microphone: boolean, camera: boolean}} may
 */

/** @extends {AqElement<PictureModel>} */
export class AqPicture extends AqElement {
  #video = h('video', { playsinline: true, autoplay: true, muted: true, 'aria-hidden': 'true' });
  #avatar = h('div', { class: 'avatar', 'aria-hidden': 'true' });
  #name = h('div', { class: 'picture-name', dir: 'auto' });
  #icons = { microphone: icon('microphone'), camera: icon('camera') };
  #buttons = { microphone: this.#button('microphone'), camera: this.#button('camera') };
  #leave = h('button', { type: 'button', class: 'control danger', 'aria-label': t('controls.leave'), title: t('controls.leave') }, icon('leave'));

  /** @param {'microphone'|'camera'} kind */
  #button(kind) {
    return h('button', { type: 'button', class: 'control' }, this.#icons[kind]);
  }

  /** @override */
  build() {
    this.#video.muted = true;
    this.append(this.#avatar, this.#video, this.#name, h('div', { class: 'picture-controls', role: 'toolbar', 'aria-label': t('controls.label') }, this.#buttons.microphone, this.#buttons.camera, this.#leave));
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    for (const kind of /** @type {const} */ (['microphone', 'camera'])) this.#buttons[kind].addEventListener('click', () => this.emit('aq-toggle', kind), { signal });
    this.#leave.addEventListener('click', () => this.emit('aq-leave'), { signal });
  }

  /** @override @param {PictureModel} model */
  render({ tile, on, may }) {
    const stream = tile?.stream ?? null;
    if (this.#video.srcObject !== stream) {
      this.#video.srcObject = stream;
      if (stream) this.#video.play().catch(() => undefined);
    }
    this.#video.hidden = stream === null;
    const name = tile?.name ?? t('stage.alone.title');
    setText(this.#name, name);
    this.#avatar.hidden = tile === null;
    this.#avatar.className = `avatar hue-${hueOf(tile?.peerId || name)}`;
    setText(this.#avatar, initials(name));
    for (const kind of /** @type {const} */ (['microphone', 'camera'])) {
      const label = t(on[kind] ? `controls.${kind}.turn-off` : `controls.${kind}.turn-on`);
      draw(this.#icons[kind], on[kind] ? kind : `${kind}-off`);
      setAttribute(this.#buttons[kind], 'aria-label', label);
      setAttribute(this.#buttons[kind], 'title', label);
      setAttribute(this.#buttons[kind], 'data-off', !on[kind]);
      this.#buttons[kind].hidden = !may[kind];
    }
  }
}

customElements.define('aq-picture', AqPicture);
