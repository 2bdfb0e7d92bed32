/** The row of buttons of a call. */

import { number } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { draw, icon } from './icons.js';

/** @typedef {import('./icons.js').IconName} IconName */

/**
 * @typedef {object} ControlsModel
 * @property {{microphone: boolean, camera: boolean, screen: boolean, hand: boolean}} on
 * @property {{microphone: boolean, camera: boolean, screen: boolean, chat: boolean}} may
 * @property {{microphone: boolean, camera: boolean}} trouble   a device does not work
 * @property {'chat'|'people'|null} panel   which is open
 * @property {number} unread
 * @property {number} people
 * @property {number} waiting   people who wait to be let in
 * @property {readonly string[]} muted   our sources that a moderator has turned off for good
 */

/** More unread messages are not told apart. */
const MOST_COUNTED = 99;

/** A button with an icon, a label for screen readers and a tip. */
class Control {
  #icon;
  button;

  /** @param {string} testid @param {IconName} name @param {string} [style] */
  constructor(testid, name, style = '') {
    this.#icon = icon(name);
    this.button = h('button', { type: 'button', class: `control ${style}`.trim(), 'data-testid': testid }, this.#icon);
  }

  /** @param {{label: string, icon?: IconName, pressed?: boolean, off?: boolean, hidden?: boolean, expanded?: boolean}} state */
  show({ label, icon: name, pressed, off, hidden, expanded }) {
    setAttribute(this.button, 'aria-label', label);
    setAttribute(this.button, 'title', label);
    setAttribute(this.button, 'aria-pressed', pressed === undefined ? null : String(pressed));
    setAttribute(this.button, 'aria-expanded', expanded === undefined ? null : String(expanded));
    setAttribute(this.button, 'data-off', off);
    this.button.hidden = hidden ?? false;
    if (name) draw(this.#icon, name);
  }
}

/** @extends {AqElement<ControlsModel>} */
export class AqControls extends AqElement {
  #microphone = new Control('mic-button', 'microphone');
  #camera = new Control('cam-button', 'camera');
  #screen = new Control('screen-button', 'screen');
  #hand = new Control('hand-button', 'hand');
  #people = new Control('people-button', 'people');
  #chat = new Control('chat-button', 'chat');
  #leave = new Control('leave-button', 'leave', 'danger');
  #unread = h('span', { class: 'badge', 'data-testid': 'unread-count', 'aria-hidden': 'true', hidden: true });
  #count = h('span', { class: 'badge quiet', 'aria-hidden': 'true' });

  /** @override */
  build() {
    setAttribute(this, 'role', 'toolbar');
    setAttribute(this, 'aria-label', t('controls.label'));
    this.#chat.button.append(this.#unread);
    this.#people.button.append(this.#count);
    const all = [this.#microphone, this.#camera, this.#screen, this.#hand, this.#people, this.#chat, this.#leave];
    this.append(...all.map(({ button }) => button));
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    /** @param {Control} control @param {string} event @param {unknown} [detail] */
    const on = (control, event, detail) => {
      control.button.addEventListener('click', () => this.emit(event, detail), { signal });
    };
    on(this.#microphone, 'aq-toggle', 'microphone');
    on(this.#camera, 'aq-toggle', 'camera');
    on(this.#screen, 'aq-toggle', 'screen');
    on(this.#hand, 'aq-toggle', 'hand');
    on(this.#people, 'aq-panel', 'people');
    on(this.#chat, 'aq-panel', 'chat');
    on(this.#leave, 'aq-leave');
  }

  /** @override @param {ControlsModel} model */
  render({ on, may, trouble, panel, unread, people, waiting, muted }) {
    this.#microphone.show({
      label: deviceLabel('microphone', on.microphone, muted),
      icon: on.microphone ? 'microphone' : 'microphone-off',
      off: !on.microphone,
      hidden: !may.microphone,
    });
    this.#camera.show({
      label: deviceLabel('camera', on.camera, muted),
      icon: on.camera ? 'camera' : 'camera-off',
      off: !on.camera,
      hidden: !may.camera,
    });
    setAttribute(this.#microphone.button, 'data-trouble', trouble.microphone);
    setAttribute(this.#camera.button, 'data-trouble', trouble.camera);
    this.#screen.show({
      label: t(on.screen ? 'controls.screen.stop' : 'controls.screen.share'),
      icon: on.screen ? 'screen-off' : 'screen',
      hidden: !may.screen,
    });
    setAttribute(this.#screen.button, 'data-active', on.screen);
    this.#hand.show({ label: t('controls.hand'), pressed: on.hand });
    const here = t('controls.people', { n: people });
    this.#people.show({ label: waiting > 0 ? t('controls.people-waiting', { n: waiting, people: here }) : here, expanded: panel === 'people' });
    const count = unread > MOST_COUNTED ? `${number(MOST_COUNTED)}+` : number(unread);
    this.#chat.show({ label: unread > 0 ? t('controls.unread', { n: unread, count }) : t('controls.chat'), expanded: panel === 'chat' });
    this.#leave.show({ label: t('controls.leave') });
    setText(this.#unread, count);
    this.#unread.hidden = unread === 0;
    setText(this.#count, waiting > 0 ? `${number(people)}+${number(waiting)}` : number(people));
    this.#count.classList.toggle('quiet', waiting === 0);
  }
}

/** @param {'microphone'|'camera'} what @param {boolean} on @param {readonly string[]} muted */
function deviceLabel(what, on, muted) {
  if (muted.includes(what)) return t(`moderated.still.${what}`);
  return on ? t(`controls.${what}.turn-off`) : t(`controls.${what}.turn-on`);
}

customElements.define('aq-controls', AqControls);
