/** How one will look and sound, before joining. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { draw, icon } from './icons.js';
import { explain, insecure, noWebRTC } from './problems.js';
import { showHelp } from './parts.js';
import { hueOf, initials } from './text.js';
import { AqDevices } from './devices.js';

/**
 * @typedef {object} PreviewModel
 * @property {string} name
 * @property {import('../media/localmedia.js').LocalState} local
 * @property {MediaStream|null} camera
 * @property {MediaStreamTrack|null} microphone
 * @property {{microphone: boolean, camera: boolean}} wanted   to be on after the join
 * @property {{microphone: string, camera: string, speaker: string}} chosen   device ids
 * @property {import('../media/support.js').Support} support
 */

/** @extends {AqElement<PreviewModel>} */
export class AqPreview extends AqElement {
  #video = h('video', { class: 'mirrored', playsinline: true, autoplay: true, muted: true, tabindex: -1, 'aria-label': t('preview.video'), 'data-testid': 'preview-video' });
  #avatar = h('div', { 'aria-hidden': 'true' });
  #hint = h('p', { class: 'preview-hint', 'data-testid': 'preview-hint', role: 'status' });
  #start = h('button', { type: 'button', class: 'button', 'data-testid': 'preview-start' }, icon('camera'), t('preview.start'));
  #micIcon = icon('microphone');
  #camIcon = icon('camera');
  #microphone = h('button', { type: 'button', class: 'control', 'data-testid': 'preview-mic' }, this.#micIcon);
  #camera = h('button', { type: 'button', class: 'control', 'data-testid': 'preview-cam' }, this.#camIcon);
  #title = h('strong', {});
  #text = h('p', {});
  #retry = h('button', { type: 'button', class: 'button small', 'data-testid': 'device-retry' }, t('common.retry'));
  #problem = h('div', { class: 'notice', role: 'alert', 'data-testid': 'device-problem', hidden: true }, icon('warning'), h('div', {}, this.#title, this.#text, this.#retry));
  #help = h('div', {});
  #devices = new AqDevices();
  // On a phone the way in comes first; the devices fold out.
  #phone = matchMedia('(max-width: 480px), (max-height: 480px)');
  #fold = h('details', { class: 'preview-devices', open: !this.#phone.matches }, h('summary', {}, t('preview.devices')), this.#devices);
  #buttons = h('div', { class: 'preview-buttons', role: 'group', 'aria-label': t('preview.with') }, this.#microphone, this.#camera);

  /** @override */
  build() {
    this.#video.muted = true;
    this.append(
      h('div', { class: 'preview-frame' }, this.#video, h('div', { class: 'preview-empty' }, this.#avatar, this.#hint, this.#start), this.#buttons),
      this.#problem,
      this.#help,
      this.#fold,
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#start.addEventListener('click', () => this.emit('aq-preview', { microphone: true, camera: true }), { signal });
    this.#retry.addEventListener('click', () => this.emit('aq-preview', this.model?.wanted), { signal });
    this.#microphone.addEventListener('click', () => this.emit('aq-want', 'microphone'), { signal });
    this.#camera.addEventListener('click', () => this.emit('aq-want', 'camera'), { signal });
    this.#phone.addEventListener('change', () => (this.#fold.open = !this.#phone.matches), { signal });
  }

  /** @override @param {PreviewModel} model */
  render(model) {
    const { local, camera, wanted, support } = model;
    if (this.#video.srcObject !== camera) {
      this.#video.srcObject = camera;
      if (camera) this.#video.play().catch(() => undefined);
    }
    // What the camera at the back of a phone sees is nobody's mirror image.
    this.#video.classList.toggle('mirrored', camera?.getVideoTracks()[0]?.getSettings().facingMode !== 'environment');
    setAttribute(this, 'data-video', camera !== null);
    this.#avatar.className = `tile-avatar hue-${hueOf(model.name)}`;
    setText(this.#avatar, initials(model.name || '?'));
    const usable = support.webrtc && support.devices;
    const open = camera !== null || model.microphone !== null;
    setText(this.#hint, hintOf(model, usable));
    this.#buttons.hidden = !usable;
    toggle(this.#microphone, this.#micIcon, 'microphone', wanted.microphone);
    toggle(this.#camera, this.#camIcon, 'camera', wanted.camera);
    const problem = !support.webrtc ? noWebRTC() : !support.secure && !support.devices ? insecure() : explain(local.problems);
    this.#problem.hidden = problem === null;
    this.#start.hidden = !usable || open || problem !== null || local.asking || !(wanted.camera || wanted.microphone);
    if (problem) {
      setText(this.#title, problem.title);
      setText(this.#text, `${problem.text} ${problem.without}`);
      this.#retry.hidden = !problem.retry;
    }
    showHelp(this.#help, problem?.help ?? false);
    const known = local.devices.microphones.length + local.devices.cameras.length > 0;
    this.#fold.hidden = !known;
    this.#devices.model = {
      devices: local.devices,
      chosen: model.chosen,
      canRoute: support.speaker,
      microphone: model.microphone,
    };
  }
}

/** @param {PreviewModel} model @param {boolean} usable */
function hintOf({ local, camera, microphone, wanted }, usable) {
  if (camera) return '';
  if (local.asking) return t('preview.asking');
  if (!usable || (!wanted.camera && !wanted.microphone)) return t('preview.without');
  if (!wanted.camera) return t('preview.camera-off');
  if (microphone || local.problems.camera) return t('preview.no-camera');
  return t('preview.later');
}

/** @param {HTMLButtonElement} button @param {SVGSVGElement} svg @param {'microphone'|'camera'} what @param {boolean} on */
function toggle(button, svg, what, on) {
  const label = on ? t(`preview.${what}.on`) : t(`preview.${what}.off`);
  setAttribute(button, 'aria-label', label);
  setAttribute(button, 'title', label);
  setAttribute(button, 'aria-pressed', String(on));
  setAttribute(button, 'data-off', !on);
  draw(svg, on ? what : `${what}-off`);
}

customElements.define('aq-preview', AqPreview);
