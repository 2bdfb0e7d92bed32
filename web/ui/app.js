/** The whole page: the way in, the call, and what lies above both. */

import { AqElement, h, setText } from './element.js';
import { AqAudio } from './audio.js';
import { AqCall } from './call.js';
import { AqJoin } from './join.js';
import { loadStyle } from './parts.js';
import { AqToasts } from './toasts.js';

/**
 * @typedef {object} AppModel
 * @property {boolean} inCall
 * @property {import('./landing.js').LandingModel|null} landing  null: there is a room to join
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
  /** It may be there before the page: page/early.js. */
  #join = this.querySelector('aq-join') instanceof AqJoin ? /** @type {AqJoin} */ (this.querySelector('aq-join')) : new AqJoin();
  #call = new AqCall();
  /** Both are loaded when they are needed, and stay. @type {import('./settings.js').AqSettings|null} */
  #settings = null;
  /** @type {import('./landing.js').AqLanding|null} */
  #landing = null;
  #toasts = new AqToasts();
  #main = this.querySelector('main') ?? h('main', { class: 'join-main', hidden: true }, this.#join);
  /** Has no words, and outlives the others: nobody is to miss one while the language changes. */
  #audio = new AqAudio();
  #announcer = h('div', { class: 'sr-only', role: 'status', 'aria-live': 'polite', 'data-testid': 'announcer' });
  /** What was shown last. @type {'call'|'join'|'landing'|''} */
  #shown = '';

  /** @override */
  build() {
    // Whether this page is in a call already is not known yet.
    this.#call.hidden = true;
    // Moved, what somebody types into would lose the focus.
    for (const child of [...this.children]) if (child !== this.#main) child.remove();
    if (!this.#main.parentElement) this.append(this.#main);
    this.append(this.#call, this.#toasts, this.#audio, this.#announcer);
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

  get landing() {
    return this.#landing;
  }

  set landing(landing) {
    if (!landing || landing === this.#landing) return;
    this.#landing = landing;
    this.#main.append(landing);
  }

  /** Whether somebody looks at the settings. @returns {boolean} */
  get settingsOpen() {
    return this.#settings?.open ?? false;
  }

  async openSettings() {
    const [{ AqSettings }] = await Promise.all([import('./settings.js'), loadStyle('settings.css')]);
    if (!this.#settings) {
      this.#settings = new AqSettings();
      this.#call.after(this.#settings);
    }
    if (this.model) this.#settings.model = this.model.settings;
    this.#settings.show();
  }

  /** What the server thinks of what is typed. @param {import('./join.js').Verdict} verdict */
  judge(verdict) {
    if (this.#shown === 'landing') this.#landing?.judge(verdict);
    else this.#join.judge(verdict);
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
    const open = this.settingsOpen;
    const old = { join: this.#join, call: this.#call, settings: this.#settings, landing: this.#landing, toasts: this.#toasts };
    const focused = this.#main.contains(document.activeElement) || open;
    this.#join = new AqJoin();
    this.#call = new AqCall();
    this.#toasts = new AqToasts();
    this.#call.hidden = old.call.hidden;
    old.join.replaceWith(this.#join);
    old.call.replaceWith(this.#call);
    old.toasts.replaceWith(this.#toasts);
    this.#settings = renewed(old.settings);
    this.#landing = renewed(old.landing);
    this.#toasts.append(...old.toasts.children);
    this.#join.fill(who);
    if (this.model) {
      this.#place(this.model);
      this.#show(this.model);
    }
    // What the server thinks of it has to be said anew.
    if (this.#shown === 'join') this.#join.emit('aq-who', who);
    if (this.#landing && old.landing) this.#landing.draft = old.landing.draft;
    this.#call.draft = draft;
    if (open) this.#settings?.show();
    if (focused) (open ? this.#settings : this.#shown === 'landing' ? this.#landing : this.#join)?.focusLanguage();
  }

  /** @override @param {AppModel} model */
  render(model) {
    const now = model.inCall ? 'call' : model.landing && this.#landing ? 'landing' : 'join';
    const before = this.#shown;
    this.#shown = now;
    this.#place(model);
    if (now === before) {
      this.#show(model);
      return;
    }
    if (now === 'call') {
      this.#show(model);
      // Out of sight the preview neither plays nor listens.
      this.#join.model = { ...model.join, preview: { ...model.join.preview, camera: null, microphone: null } };
      // What held the focus is gone; the next Tab leads from here to the controls.
      /** @type {HTMLElement|null} */ (this.#call.querySelector('main'))?.focus({ preventScroll: true });
      return;
    }
    if (before === 'call') this.#settings?.hide();
    this.#show(model);
    if (before === 'call') this.#call.model = model.call;
    if (now === 'join' && !this.#join.contains(document.activeElement)) this.#join.focusFirst();
  }

  /** What is to be seen of it. @param {AppModel} model */
  #place({ inCall }) {
    this.#main.hidden = inCall;
    this.#call.hidden = !inCall;
    this.#join.hidden = this.#shown !== 'join';
    if (this.#landing) this.#landing.hidden = this.#shown !== 'landing';
  }

  /** @param {AppModel} model */
  #show(model) {
    if (model.inCall) this.#call.model = model.call;
    else if (this.#shown === 'landing' && this.#landing) this.#landing.model = model.landing;
    else this.#join.model = model.join;
    this.#audio.model = { audio: model.call.call.audio, speaker: model.speaker };
    if (this.#settings) this.#settings.model = model.settings;
  }
}

/**
 * The same element in the language of now, in the place of the old.
 *
 * @template {HTMLElement} E
 * @param {E|null} element
 * @returns {E|null}
 */
function renewed(element) {
  if (!element) return null;
  const next = new (/** @type {new () => E} */ (element.constructor))();
  element.replaceWith(next);
  return next;
}

customElements.define('aq-app', AqApp);
