/** The whole page: the way in, the call, and what lies above both. */

import { AqElement, h, setText } from './element.js';
import { AqCall } from './call.js';
import { AqJoin } from './join.js';
import { AqSettings } from './settings.js';
import { AqToasts } from './toasts.js';

/**
 * @typedef {object} AppModel
 * @property {boolean} inCall
 * @property {import('./join.js').JoinModel} join
 * @property {import('./call.js').CallViewModel} call
 * @property {import('./settings.js').SettingsModel} settings
 */

/**
 * `session` is for tests and for curious people: the live Session (session.js).
 *
 * @extends {AqElement<AppModel>}
 */
export class AqApp extends AqElement {
  /** @type {import('../session.js').Session|null} */
  session = null;
  #join = new AqJoin();
  #call = new AqCall();
  #settings = new AqSettings();
  #toasts = new AqToasts();
  #announcer = h('div', { class: 'sr-only', role: 'status', 'aria-live': 'polite', 'data-testid': 'announcer' });
  /** @type {boolean|null} */
  #inCall = null;

  /** @override */
  build() {
    // Whether this page is in a call already is not known yet.
    this.#call.hidden = true;
    this.replaceChildren(h('main', { class: 'join-main', hidden: true }, this.#join), this.#call, this.#settings, this.#toasts, this.#announcer);
  }

  /** @returns {AqJoin} */
  get join() {
    return this.#join;
  }

  /** @returns {AqToasts} */
  get toasts() {
    return this.#toasts;
  }

  /** @returns {AqSettings} */
  get settings() {
    return this.#settings;
  }

  /** Says something to screen readers only. @param {string} text */
  announce(text) {
    setText(this.#announcer, '');
    setText(this.#announcer, text);
  }

  /** @override @param {AppModel} model */
  render(model) {
    const entered = this.#inCall !== model.inCall;
    this.#inCall = model.inCall;
    const joinMain = /** @type {HTMLElement} */ (this.#join.parentElement);
    joinMain.hidden = model.inCall;
    this.#call.hidden = !model.inCall;
    if (model.inCall) this.#call.model = model.call;
    // Out of sight the preview neither plays nor listens.
    if (!model.inCall) this.#join.model = model.join;
    else if (entered) this.#join.model = { ...model.join, preview: { ...model.join.preview, camera: null, microphone: null } };
    this.#settings.model = model.settings;
    if (!entered) return;
    if (!model.inCall) {
      this.#settings.hide();
      this.#call.model = model.call;
      this.#join.focusFirst();
    } else {
      // What held the focus is gone; the next Tab leads from here to the controls.
      /** @type {HTMLElement|null} */ (this.#call.querySelector('main'))?.focus({ preventScroll: true });
    }
  }
}

customElements.define('aq-app', AqApp);
