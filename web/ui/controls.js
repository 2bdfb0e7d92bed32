/** The row of buttons of a call. Which of them have no room is for the style sheet to say; the menu *More* has those. */

import { number } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, leftOut, setAttribute, setText } from './element.js';
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
 * @property {boolean} talking  the microphone is on for as long as a key is held
 * @property {readonly string[]} muted   our sources that a moderator has turned off for good
 */

/** More unread messages are not told apart. */
const MOST_COUNTED = 99;

/** A button with an icon, a label for screen readers and a tip. */
class Control {
  /** @type {IconName} */
  #name;
  #icon;
  button;
  label = '';

  /** @param {string} testid @param {IconName} name @param {string} [style] */
  constructor(testid, name, style = '') {
    this.#name = name;
    this.#icon = icon(name);
    this.button = h('button', { type: 'button', class: `control ${style}`.trim(), 'data-testid': testid }, this.#icon);
  }

  /** @returns {IconName} */
  get icon() {
    return this.#name;
  }

  /** @param {{label: string, icon?: IconName, pressed?: boolean, off?: boolean, hidden?: boolean, expanded?: boolean}} state */
  show({ label, icon: name, pressed, off, hidden, expanded }) {
    this.label = label;
    setAttribute(this.button, 'aria-label', label);
    setAttribute(this.button, 'title', label);
    setAttribute(this.button, 'aria-pressed', pressed === undefined ? null : String(pressed));
    if (expanded !== undefined) setAttribute(this.button, 'aria-expanded', String(expanded));
    setAttribute(this.button, 'data-off', off);
    this.button.hidden = hidden ?? false;
    if (!name) return;
    this.#name = name;
    draw(this.#icon, name);
  }
}

/** A narrow button beside another one, that opens a menu about it. @param {import('./menus.js').MenuName} name @param {string} label */
function caret(name, label) {
  return h('button', { type: 'button', class: 'control caret', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-label': label, title: label, 'data-menu': name, 'data-testid': `${name}-menu` }, icon('caret'));
}

/** @param {string} testid @param {IconName} name @param {import('./menus.js').MenuName} menu @param {string} [style] */
function menuControl(testid, name, menu, style) {
  const control = new Control(testid, name, style);
  for (const [attribute, value] of Object.entries({ 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'data-menu': menu })) setAttribute(control.button, attribute, value);
  return control;
}

/** @extends {AqElement<ControlsModel>} */
export class AqControls extends AqElement {
  #microphone = new Control('mic-button', 'microphone');
  #camera = new Control('cam-button', 'camera');
  #screen = new Control('screen-button', 'screen', 'rare');
  #hand = new Control('hand-button', 'hand');
  #react = menuControl('react-button', 'react', 'reactions', 'rare');
  #people = new Control('people-button', 'people', 'rare');
  #chat = new Control('chat-button', 'chat');
  #more = menuControl('more-button', 'more', 'more');
  #leave = new Control('leave-button', 'leave', 'danger');
  #unread = h('span', { class: 'badge', 'data-testid': 'unread-count', 'aria-hidden': 'true', hidden: true });
  #count = h('span', { class: 'badge quiet', 'aria-hidden': 'true' });
  #waiting = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
  #talking = h('span', { class: 'talking', 'aria-hidden': 'true', hidden: true }, t('controls.talking'));

  /** @override */
  build() {
    setAttribute(this, 'role', 'toolbar');
    setAttribute(this, 'aria-label', t('controls.label'));
    this.#microphone.button.append(this.#talking);
    this.#chat.button.append(this.#unread);
    this.#people.button.append(this.#count);
    this.#more.button.append(this.#waiting);
    const split = (/** @type {Control} */ control, /** @type {import('./menus.js').MenuName} */ name, rare = '') => h('div', { class: `split ${name} ${rare}`.trim() }, control.button, caret(name, t(`menus.${/** @type {'microphone'|'camera'|'screen'} */ (name)}`)));
    this.append(
      split(this.#microphone, 'microphone'),
      split(this.#camera, 'camera'),
      split(this.#screen, 'screen', 'rare'),
      this.#hand.button,
      this.#react.button,
      this.#people.button,
      this.#chat.button,
      this.#more.button,
      this.#leave.button,
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    for (const { control, event, detail } of this.#actions()) {
      control.button.addEventListener('click', (click) => this.#act(control, click, event, detail), { signal });
    }
    for (const button of this.querySelectorAll('[data-menu]')) {
      button.addEventListener('click', () => this.emit('aq-open-menu', { name: button.getAttribute('data-menu'), anchor: button }), { signal });
    }
  }

  /** @returns {{control: Control, event: string, detail?: string}[]} */
  #actions() {
    return [
      { control: this.#microphone, event: 'aq-toggle', detail: 'microphone' },
      { control: this.#camera, event: 'aq-toggle', detail: 'camera' },
      { control: this.#screen, event: 'aq-toggle', detail: 'screen' },
      { control: this.#hand, event: 'aq-toggle', detail: 'hand' },
      { control: this.#people, event: 'aq-panel', detail: 'people' },
      { control: this.#chat, event: 'aq-panel', detail: 'chat' },
      { control: this.#leave, event: 'aq-leave' },
    ];
  }

  /** @param {Control} control @param {MouseEvent} click @param {string} event @param {string} [detail] */
  #act(control, click, event, detail) {
    this.emit(event, detail);
    // After a click by mouse the space bar is for talking, not for this button once more.
    if (event === 'aq-toggle' && click.detail > 0) control.button.blur();
  }

  /** What is not to be seen here at this size. @returns {import('./menu.js').Entry[]} */
  get withoutRoom() {
    const unseen = (/** @type {HTMLElement} */ button) => !button.hidden && button.offsetParent === null;
    const entries = this.#actions()
      .filter(({ control, detail = 'leave' }) => unseen(control.button) && !leftOut(detail))
      .map(({ control, event, detail }) => /** @type {import('./menu.js').Entry} */ ({ id: detail ?? 'leave', label: control.label, icon: control.icon, event, detail }));
    if (unseen(this.#react.button)) entries.push({ id: 'reactions', label: this.#react.label, icon: 'react', event: 'aq-open-menu', detail: { name: 'reactions', anchor: this.#more.button } });
    return entries;
  }

  /** The button that a menu belongs to, or that stands in for it where there is no room. @param {string} name @returns {HTMLElement} */
  anchorOf(name) {
    const button = /** @type {HTMLElement|null} */ (this.querySelector(`[data-menu="${name}"]`));
    return button && button.offsetParent !== null ? button : this.#more.button;
  }

  /** @override @param {ControlsModel} model */
  render({ on, may, trouble, panel, unread, people, waiting, talking, muted }) {
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
    this.#talking.hidden = !talking;
    this.#screen.show({
      label: t(on.screen ? 'controls.screen.stop' : 'controls.screen.share'),
      icon: on.screen ? 'screen-off' : 'screen',
      hidden: !may.screen,
    });
    setAttribute(this.#screen.button, 'data-active', on.screen);
    for (const { button } of [this.#microphone, this.#camera, this.#screen]) /** @type {HTMLElement} */ (button.parentElement).hidden = button.hidden;
    this.#hand.show({ label: t('controls.hand'), pressed: on.hand });
    this.#react.show({ label: t('menus.reactions'), hidden: !may.chat });
    const here = t('controls.people', { n: people });
    this.#people.show({ label: waiting > 0 ? t('controls.people-waiting', { n: waiting, people: here }) : here, expanded: panel === 'people' });
    const count = unread > MOST_COUNTED ? `${number(MOST_COUNTED)}+` : number(unread);
    this.#chat.show({ label: unread > 0 ? t('controls.unread', { n: unread, count }) : t('controls.chat'), expanded: panel === 'chat' });
    this.#more.show({ label: t('menus.more') });
    this.#leave.show({ label: t('controls.leave') });
    setText(this.#unread, count);
    this.#unread.hidden = unread === 0;
    setText(this.#count, waiting > 0 ? `${number(people)}+${number(waiting)}` : number(people));
    this.#count.classList.toggle('quiet', waiting === 0);
    setText(this.#waiting, number(waiting));
    this.#waiting.hidden = waiting === 0;
  }
}

/** @param {'microphone'|'camera'} what @param {boolean} on @param {readonly string[]} muted */
function deviceLabel(what, on, muted) {
  if (muted.includes(what)) return t(`moderated.still.${what}`);
  return on ? t(`controls.${what}.turn-off`) : t(`controls.${what}.turn-on`);
}

customElements.define('aq-controls', AqControls);
