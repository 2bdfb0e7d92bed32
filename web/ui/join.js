/** The way in: room, name, preview, and what stands against it. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { AqLanguage } from './language.js';
import { AqPreview } from './preview.js';
import { endingText } from './words.js';

/** The server's own for those who give none: a name, not a word. */
const DEFAULT_ROOM = 'default';

/**
 * @typedef {object} JoinModel
 * @property {boolean} joining
 * @property {boolean} lobby    outside, until somebody lets us in
 * @property {import('../protocol/ending.js').Ending|null} ending   why the last visit or attempt ended
 * @property {Omit<import('./preview.js').PreviewModel, 'name'>} preview
 */
/** @typedef {{field: 'room'|'name'|'form', text: string}|{people: number, room: string}|null} Verdict */

/** @extends {AqElement<JoinModel>} */
export class AqJoin extends AqElement {
  #room = h('input', { id: 'aq-room', type: 'text', maxlength: 200, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', placeholder: DEFAULT_ROOM, 'aria-describedby': 'aq-room-note', 'data-testid': 'room-input' });
  #name = h('input', { id: 'aq-name', type: 'text', maxlength: 200, autocomplete: 'nickname', spellcheck: 'false', placeholder: t('join.guest'), 'aria-describedby': 'aq-name-note', 'data-testid': 'name-input' });
  #roomNote = h('p', { id: 'aq-room-note', class: 'field-note', 'data-testid': 'room-note', role: 'status' });
  #nameNote = h('p', { id: 'aq-name-note', class: 'field-note', 'data-testid': 'name-note', role: 'status' });
  #label = h('span', {});
  #join = h('button', { type: 'submit', class: 'button primary wide', 'data-testid': 'join-button' }, this.#label);
  #without = h('button', { type: 'button', class: 'button quiet wide', 'data-testid': 'join-without-button' }, t('join.without'));
  #endTitle = h('strong', { 'data-testid': 'ending-title' });
  #endText = h('p', {});
  #ending = h('div', { class: 'notice', role: 'alert', hidden: true }, icon('warning'), h('div', {}, this.#endTitle, this.#endText));
  #cancel = h('button', { type: 'button', class: 'button wide', 'data-testid': 'lobby-leave' }, t('lobby.leave'));
  #lobby = h(
    'div',
    { class: 'lobby-wait', role: 'status', 'data-testid': 'lobby', hidden: true },
    h('p', {}, t('lobby.waiting')),
    this.#cancel,
  );
  #form = h(
    'form',
    { class: 'join-form', 'data-testid': 'join-form', novalidate: true },
    h('p', { class: 'brand' }, h('img', { src: 'favicon.svg', alt: '', width: 24, height: 24 }), 'AQ Server'),
    h('h1', {}, t('join.title')),
    this.#ending,
    h('div', { class: 'field' }, h('label', { for: 'aq-room' }, t('join.room')), this.#room, this.#roomNote),
    h('div', { class: 'field' }, h('label', { for: 'aq-name' }, t('join.name')), this.#name, this.#nameNote),
    this.#join,
    this.#without,
    this.#lobby,
  );
  #preview = new AqPreview();
  #language = new AqLanguage('join-language');

  /** @override */
  build() {
    this.append(h('div', { class: 'join-card' }, this.#preview, this.#form), h('div', { class: 'join-foot' }, this.#language));
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
    const changed = () => {
      this.emit('aq-who', this.who);
      if (this.model) this.render(this.model);
    };
    this.#room.addEventListener('input', changed, { signal });
    this.#name.addEventListener('input', changed, { signal });
  }

  /** @override @param {JoinModel} model */
  render({ joining, lobby, ending, preview }) {
    this.#lobby.hidden = !lobby;
    this.#join.hidden = lobby;
    this.#preview.model = { ...preview, name: this.#name.value.trim() };
    setText(this.#label, t(joining ? 'join.joining' : ending?.code === 'left' ? 'join.again' : 'join.button'));
    this.#join.disabled = joining;
    this.#without.disabled = joining;
    this.#without.hidden = lobby || !preview.support.devices || !(preview.wanted.camera || preview.wanted.microphone);
    this.#ending.hidden = !ending || joining;
    if (!ending) return;
    setAttribute(this.#ending, 'data-testid', ending.code === 'left' ? 'ended' : 'error-box');
    setAttribute(this.#ending, 'data-code', ending.code);
    this.#ending.classList.toggle('info', ending.code === 'left');
    const { title, text } = endingText(ending);
    setText(this.#endTitle, title);
    setText(this.#endText, text);
  }

  /** What is typed, trimmed. @returns {{room: string, username: string}} */
  get who() {
    return { room: this.#room.value.trim(), username: this.#name.value.trim() };
  }

  /** @param {{room: string, username: string}} who */
  fill({ room, username }) {
    this.#room.value = room;
    this.#name.value = username;
    if (this.model) this.render(this.model);
  }

  /** Puts the cursor where the next thing is to be done. */
  focusFirst() {
    if (this.#room.value === '') this.#room.focus();
    else if (this.#name.value === '') this.#name.focus();
    else this.#join.focus();
  }

  /** Puts the cursor where the language is chosen. */
  focusLanguage() {
    this.#language.querySelector('select')?.focus();
  }

  /** What the server thinks of what is typed. @param {Verdict} verdict */
  judge(verdict) {
    const bad = verdict && 'field' in verdict ? verdict : null;
    const peopleText = verdict && 'people' in verdict ? insideText(verdict.people) : '';
    note(this.#room, this.#roomNote, bad && bad.field !== 'name' ? bad.text : '', peopleText);
    note(this.#name, this.#nameNote, bad?.field === 'name' ? bad.text : '', '');
  }

  /** @param {boolean} withDevices */
  #submit(withDevices) {
    if (this.#join.disabled) return;
    this.emit('aq-join', { ...this.who, withDevices });
  }
}

/** @param {HTMLInputElement} input @param {HTMLElement} element @param {string} error @param {string} info */
function note(input, element, error, info) {
  setAttribute(input, 'aria-invalid', error ? 'true' : null);
  element.classList.toggle('error', error !== '');
  setText(element, error || info);
}

/** @param {number} people */
function insideText(people) {
  return people === 0 ? t('join.nobody-inside') : t('join.inside', { n: people });
}

customElements.define('aq-join', AqJoin);
