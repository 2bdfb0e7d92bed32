/** What a moderator can do about one person. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute } from './element.js';

/** @typedef {import('../protocol/moderation.js').Moderate} Moderate */
/** @typedef {{peerId: string, name: string, microphone: boolean, camera: boolean, screen: boolean, moderator: boolean, muted: readonly string[]}} Target */

/**
 * @typedef {object} Entry
 * @property {'mute'|'mute-hard'|'unmute'|'camera'|'camera-hard'|'camera-allow'|'screen'|'promote'|'hand-over'|'remove'|'ban'} id
 * @property {(t: Target) => boolean} shown
 * @property {Omit<Moderate, 'peer_id'>} deed
 * @property {boolean} [twice]  asks once more
 */

const isMuted = (/** @type {string} */ source) => (/** @type {Target} */ t) => t.muted.includes(source);
const not = (/** @type {(t: Target) => boolean} */ f) => (/** @type {Target} */ t) => !f(t);

/** @type {Entry[]} */
export const ENTRIES = [
  { id: 'mute', shown: (t) => t.microphone, deed: { action: 'mute', source: 'microphone' } },
  { id: 'mute-hard', shown: not(isMuted('microphone')), deed: { action: 'mute', source: 'microphone', hard: true } },
  { id: 'unmute', shown: isMuted('microphone'), deed: { action: 'unmute', source: 'microphone' } },
  { id: 'camera', shown: (t) => t.camera, deed: { action: 'mute', source: 'camera' } },
  { id: 'camera-hard', shown: not(isMuted('camera')), deed: { action: 'mute', source: 'camera', hard: true } },
  { id: 'camera-allow', shown: isMuted('camera'), deed: { action: 'unmute', source: 'camera' } },
  { id: 'screen', shown: (t) => t.screen, deed: { action: 'mute', source: 'screen' } },
  { id: 'promote', shown: (t) => !t.moderator, deed: { action: 'promote' } },
  { id: 'hand-over', shown: () => true, deed: { action: 'hand_over' }, twice: true },
  { id: 'remove', shown: () => true, deed: { action: 'remove' }, twice: true },
  { id: 'ban', shown: () => true, deed: { action: 'remove', ban: true }, twice: true },
];

/** @extends {AqElement<Target>} */
export class AqPersonMenu extends AqElement {
  #summary = h('summary', { class: 'round small', 'data-testid': 'person-menu' }, '⋯');
  #buttons = ENTRIES.map(({ id }) => h('button', { type: 'button', class: 'button small', 'data-testid': `do-${id}` }, t(`menu.${id}`)));
  #details = h('details', { class: 'person-menu' }, this.#summary, h('div', { class: 'person-deeds' }, ...this.#buttons));

  /** @override */
  build() {
    this.append(this.#details);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    ENTRIES.forEach((entry, i) => this.#buttons[i].addEventListener('click', () => this.#pick(entry, this.#buttons[i]), { signal }));
    this.#details.addEventListener('toggle', () => this.#ask(null), { signal });
    this.#details.addEventListener(
      'keydown',
      (event) => {
        if (event.key !== 'Escape' || !this.#details.open) return;
        event.stopPropagation(); // the panel stays
        this.#close();
      },
      { signal },
    );
  }

  /** @override @param {Target} target */
  render(target) {
    setAttribute(this.#summary, 'aria-label', t('menu.label', { name: target.name }));
    ENTRIES.forEach(({ shown }, i) => (this.#buttons[i].hidden = !shown(target)));
  }

  /** @param {Entry} entry @param {HTMLElement} button */
  #pick(entry, button) {
    if (!this.model) return;
    if (entry.twice && !button.hasAttribute('data-sure')) {
      this.#ask(button);
      return;
    }
    this.emit('aq-moderate', { ...entry.deed, peer_id: this.model.peerId });
    this.#close();
  }

  #close() {
    this.#details.open = false;
    this.#summary.focus();
  }

  /** Asks whether the person is sure; null: no more. @param {HTMLElement|null} asked */
  #ask(asked) {
    ENTRIES.forEach(({ id }, i) => {
      const sure = this.#buttons[i] === asked;
      setAttribute(this.#buttons[i], 'data-sure', sure);
      this.#buttons[i].textContent = sure ? t('menu.sure', { action: t(`menu.${id}`) }) : t(`menu.${id}`);
    });
  }
}

customElements.define('aq-person-menu', AqPersonMenu);
