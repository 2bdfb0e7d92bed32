/** The whole page: the way in, the call, and what lies above both. */

import { AqElement, h, setText } from './element.js';
import { AqAudio } from './audio.js';
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
 * @property {string} speaker   device id
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
  /** Has no words, and outlives the others: nobody is to miss one while the language changes. */
  #audio = new AqAudio();
  #announcer = h('div', { class: 'sr-only', role: 'status', 'aria-live': 'polite', 'data-testid': 'announcer' });
  /** @type {boolean|null} */
  #inCall = null;

  /** @override */
  build() {
    // Whether this page is in a call already is not known yet.
    this.#call.hidden = true;
    this.replaceChildren(h('main', { class: 'join-main', hidden: true }, this.#join), this.#call, this.#settings, this.#toasts, this.#audio, this.#announcer);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.addEventListener('aq-unblock', () => this.#audio.unblock(), { signal });
  }

  /** @returns {AqJoin} */
  get join() {
    return this.#join;
  }

  /** @returns {AqCall} */
  get call() {
    return this.#call;
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

  /**
   * Makes all elements anew, for words are put in when an element is made. What
   * somebody has typed stays, and so does the sound.
   */
  rebuild() {
    const { who } = this.#join;
    const { draft } = this.#call;
    const { open } = this.#settings;
    const old = { join: this.#join, call: this.#call, settings: this.#settings, toasts: this.#toasts };
    const within = document.activeElement;
    const focused = old.join.contains(within) || open;
    this.#join = new AqJoin();
    this.#call = new AqCall();
    this.#settings = new AqSettings();
    this.#toasts = new AqToasts();
    this.#call.hidden = old.call.hidden;
    old.join.replaceWith(this.#join);
    old.call.replaceWith(this.#call);
    old.settings.replaceWith(this.#settings);
    old.toasts.replaceWith(this.#toasts);
    this.#toasts.append(...old.toasts.children);
    this.#join.fill(who);
    if (this.model) this.#show(this.model);
    // What the server thinks of it has to be said anew.
    if (!this.model?.inCall) this.#join.emit('aq-who', who);
    this.#call.draft = draft;
    if (open) this.#settings.show();
    if (focused) (open ? this.#settings : this.#join).focusLanguage();
  }

  /** @override @param {AppModel} model */
  render(model) {
    const entered = this.#inCall !== model.inCall;
    this.#inCall = model.inCall;
    const joinMain = /** @type {HTMLElement} */ (this.#join.parentElement);
    joinMain.hidden = model.inCall;
    this.#call.hidden = !model.inCall;
    if (model.inCall || !entered) this.#show(model);
    if (!entered) return;
    if (!model.inCall) {
      this.#settings.hide();
      this.#show(model);
      this.#call.model = model.call;
      this.#join.focusFirst();
    } else {
      // Out of sight the preview neither plays nor listens.
      this.#join.model = { ...model.join, preview: { ...model.join.preview, camera: null, microphone: null } };
      // What held the focus is gone; the next Tab leads from here to the controls.
      /** @type {HTMLElement|null} */ (this.#call.querySelector('main'))?.focus({ preventScroll: true });
    }
  }

  /** @param {AppModel} model */
  #show(model) {
    if (model.inCall) this.#call.model = model.call;
    else this.#join.model = model.join;
    this.#audio.model = { audio: model.call.call.audio, speaker: model.speaker };
    this.#settings.model = model.settings;
  }
}

customElements.define('aq-app', AqApp);
