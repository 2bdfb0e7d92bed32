/** The way into a room: the preview, a name, what stands against it; and how a visit ended. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { AqLanguage } from './language.js';
import { insideText, note } from './parts.js';
import { AqPreview } from './preview.js';
import { endingText } from './words.js';

/**
 * @typedef {object} JoinModel
 * @property {boolean} joining
 * @property {boolean} lobby    outside, until somebody lets us in
 * @property {import('../protocol/ending.js').Ending|null} ending   why the last visit or attempt ended
 * @property {Omit<import('./preview.js').PreviewModel, 'name'>} preview
 */
/** @typedef {{field: 'room'|'name'|'form', text: string}|{people: number, names: readonly string[]}|null} Verdict */

/** @extends {AqElement<JoinModel>} */
export class AqJoin extends AqElement {
  #room = '';
  #title = h('h1', {});
  #name = h('input', { id: 'aq-name', type: 'text', maxlength: 200, autocomplete: 'nickname', spellcheck: 'false', enterkeyhint: 'go', placeholder: t('join.guest'), 'aria-describedby': 'aq-name-note', 'data-testid': 'name-input' });
  #inside = h('p', { class: 'field-note', 'data-testid': 'inside-note', role: 'status' });
  #nameNote = h('p', { id: 'aq-name-note', class: 'field-note', 'data-testid': 'name-note', role: 'status' });
  #nameField = h('div', { class: 'field' }, h('label', { for: 'aq-name' }, t('join.name')), this.#name, this.#nameNote);
  #label = h('span', {});
  #join = h('button', { type: 'submit', class: 'button primary wide', 'data-testid': 'join-button' }, this.#label);
  #without = h('button', { type: 'button', class: 'button quiet wide', 'data-testid': 'join-without-button' }, t('join.without'));
  #another = h('button', { type: 'button', class: 'button wide', 'data-testid': 'another-room' }, t('join.another'));
  #copy = h('button', { type: 'button', class: 'round', 'aria-label': t('call.copy-link'), title: t('call.copy-link'), 'data-testid': 'join-copy-link' }, icon('link'));
  #head = h('div', { class: 'join-head' }, this.#title, this.#copy);
  #endTitle = h('strong', { class: 'ending-title', 'data-testid': 'ending-title' });
  #endText = h('p', {});
  #ending = h('div', { class: 'notice', role: 'alert', hidden: true }, icon('warning'), h('div', {}, this.#endTitle, this.#endText));
  #cancel = h('button', { type: 'button', class: 'button wide', 'data-testid': 'lobby-leave' }, t('lobby.leave'));
  #lobby = h(
    'div',
    { class: 'lobby-wait', role: 'status', 'data-testid': 'lobby', hidden: true },
    h('div', { class: 'waiting-dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')),
    h('p', {}, t('lobby.waiting')),
  );
  #form = h(
    'form',
    { class: 'join-form', 'data-testid': 'join-form', novalidate: true },
    h('p', { class: 'brand' }, h('img', { src: 'favicon.svg', alt: '', width: 24, height: 24 }), 'AQ Server'),
    this.#ending,
    this.#head,
    this.#inside,
    this.#nameField,
    this.#lobby,
    this.#join,
    this.#without,
    this.#cancel,
    this.#another,
  );
  #preview = new AqPreview();
  #language = new AqLanguage('join-language');
  #settings = h('button', { type: 'button', class: 'round', 'aria-label': t('settings.title'), title: t('settings.title'), 'data-testid': 'join-settings' }, icon('settings'));
  /** What the focus was last brought to. */
  #phase = '';

  /** @override */
  build() {
    this.append(h('div', { class: 'join-card' }, this.#preview, this.#form), h('div', { class: 'join-foot' }, this.#language, this.#settings));
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        this.#submit(true);
      },
      { signal },
    );
    this.#cancel.addEventListener('click', () => this.emit('aq-leave'), { signal });
    this.#without.addEventListener('click', () => this.#submit(false), { signal });
    this.#another.addEventListener('click', () => this.emit('aq-another-room'), { signal });
    this.#copy.addEventListener('click', () => this.emit('aq-copy-link'), { signal });
    this.#settings.addEventListener('click', () => this.emit('aq-settings'), { signal });
    this.#name.addEventListener(
      'input',
      () => {
        this.emit('aq-who', this.who);
        if (this.model) this.render(this.model);
      },
      { signal },
    );
  }

  /** @override @param {JoinModel} model */
  render({ joining, lobby, ending, preview }) {
    const told = joining ? null : ending;
    // A visit is over, or there is no way in: nothing to prepare any more.
    const over = told !== null && (!told.refused || !told.rejoin);
    setAttribute(this, 'data-state', lobby ? 'lobby' : over ? 'over' : null);
    this.#preview.hidden = over;
    this.#preview.model = { ...preview, name: this.#name.value.trim(), ...(over && { camera: null, microphone: null }) };
    setText(this.#title, lobby ? t('lobby.title') : t('join.title', { room: this.#room }));
    this.#head.hidden = over;
    this.#copy.hidden = lobby;
    this.#inside.hidden = over || lobby;
    this.#nameField.hidden = over || lobby;
    this.#lobby.hidden = !lobby;
    this.#cancel.hidden = !lobby;
    this.#another.hidden = lobby || joining;
    this.#another.classList.toggle('quiet', told === null || told.rejoin);
    this.#another.classList.toggle('primary', told?.rejoin === false);
    setText(this.#label, t(joining ? 'join.joining' : !told ? 'join.button' : told.refused ? 'common.retry' : 'join.again'));
    this.#join.hidden = lobby || told?.rejoin === false;
    this.#join.disabled = joining;
    this.#without.disabled = joining;
    this.#without.hidden = lobby || over || !preview.support.devices || !(preview.wanted.camera || preview.wanted.microphone);
    this.#showEnding(told, over);
    this.#follow(lobby ? 'lobby' : joining ? 'joining' : told ? told.code : '');
  }

  /** @param {import('../protocol/ending.js').Ending|null} ending @param {boolean} over */
  #showEnding(ending, over) {
    this.#ending.hidden = !ending;
    if (!ending) return;
    setAttribute(this.#ending, 'data-testid', ending.code === 'left' ? 'ended' : 'error-box');
    setAttribute(this.#ending, 'data-code', ending.code);
    this.#ending.classList.toggle('info', over && ending.code !== 'removed');
    this.#ending.classList.toggle('plain', over);
    // The title of the page, when it is all that the page has to say.
    setAttribute(this.#endTitle, 'role', over ? 'heading' : null);
    setAttribute(this.#endTitle, 'aria-level', over ? 1 : null);
    const { title, text } = endingText(ending);
    setText(this.#endTitle, title);
    setText(this.#endText, text);
  }

  /** What held the focus goes with its state; the next thing to do gets it. @param {string} phase */
  #follow(phase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    const within = document.activeElement;
    const free = within === null || within === document.body || this.#form.contains(within);
    if (phase !== 'joining' && free && !this.closest('[hidden]')) this.focusFirst();
  }

  /** What is typed, trimmed, and where it leads. @returns {{room: string, username: string}} */
  get who() {
    return { room: this.#room, username: this.#name.value.trim() };
  }

  /** @param {{room: string, username: string}} who */
  fill({ room, username }) {
    this.#room = room;
    this.#name.value = username;
    if (this.model) this.render(this.model);
  }

  /** Puts the cursor where the next thing is to be done. */
  focusFirst() {
    if (!this.#cancel.hidden) this.#cancel.focus();
    else if (this.#join.hidden) this.#another.focus();
    else if (this.#name.value === '' && !this.#nameField.hidden) this.#name.focus();
    else this.#join.focus();
  }

  /** Puts the cursor where the language is chosen. */
  focusLanguage() {
    this.#language.querySelector('select')?.focus();
  }

  /** What the server thinks of what is typed. @param {Verdict} verdict */
  judge(verdict) {
    const bad = verdict && 'field' in verdict ? verdict : null;
    const elsewhere = bad && bad.field !== 'name' ? bad.text : '';
    this.#inside.classList.toggle('error', elsewhere !== '');
    setText(this.#inside, elsewhere || (verdict && 'people' in verdict ? insideText(verdict) : ''));
    note(this.#name, this.#nameNote, bad?.field === 'name' ? bad.text : '', '');
  }

  /** @param {boolean} withDevices */
  #submit(withDevices) {
    if (this.#join.disabled || this.#join.hidden) return;
    this.emit('aq-join', { ...this.who, withDevices });
  }
}

customElements.define('aq-join', AqJoin);
