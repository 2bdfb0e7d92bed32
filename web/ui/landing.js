/** The page without a room: make one, name one, or go back to one. Loaded when there is none in the address. */

import { relativeDay } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute } from './element.js';
import { icon } from './icons.js';
import { AqLanguage } from './language.js';
import { insideText, note } from './parts.js';

/** @typedef {import('./join.js').Verdict} Verdict */
/** @typedef {{recent: {room: string, at: number}[], now: number}} LandingModel  times in milliseconds since 1970 */

/** @extends {AqElement<LandingModel>} */
export class AqLanding extends AqElement {
  #new = h('button', { type: 'button', class: 'button primary', 'data-testid': 'room-new' }, icon('plus'), t('landing.new'));
  #room = h('input', { id: 'aq-room', type: 'text', maxlength: 2000, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', enterkeyhint: 'go', 'aria-describedby': 'aq-room-note', 'data-testid': 'room-input' });
  #note = h('p', { id: 'aq-room-note', class: 'field-note', 'data-testid': 'room-note', role: 'status' });
  #form = h(
    'form',
    { class: 'landing-form', novalidate: true, 'data-testid': 'landing-form' },
    h('div', { class: 'field' }, h('label', { for: 'aq-room' }, t('landing.room')), h('div', { class: 'field-row' }, this.#room, h('button', { type: 'submit', class: 'button', 'data-testid': 'room-go' }, t('landing.go'))), this.#note),
  );
  #list = h('ul', { class: 'recent-list', 'data-testid': 'recent-rooms', 'aria-labelledby': 'aq-recent' });
  #clear = h('button', { type: 'button', class: 'button quiet small', 'data-testid': 'recent-clear' }, t('landing.clear'));
  #recent = h(
    'section',
    { class: 'recent', 'aria-labelledby': 'aq-recent' },
    h('div', { class: 'recent-head' }, h('h2', { id: 'aq-recent' }, t('landing.recent')), this.#clear),
    this.#list,
    h('p', { class: 'recent-note' }, t('landing.recent-note')),
  );
  #language = new AqLanguage('landing-language');
  #settings = h('button', { type: 'button', class: 'round', 'aria-label': t('settings.title'), title: t('settings.title'), 'data-testid': 'landing-settings' }, icon('settings'));
  /** What the list was made of. */
  #shown = '';

  /** @override */
  build() {
    setAttribute(this, 'data-testid', 'landing');
    this.append(
      h('div', { class: 'landing-bar' }, h('p', { class: 'brand' }, h('img', { src: 'favicon.svg', alt: '', width: 24, height: 24 }), 'AQ Server'), h('span', { class: 'spring' }), this.#language, this.#settings),
      h(
        'div',
        { class: 'landing-body' },
        h('div', { class: 'landing-start' }, h('h1', {}, t('landing.title')), h('p', { class: 'landing-text' }, t('landing.text')), this.#new, this.#form),
        this.#recent,
      ),
      h('p', { class: 'landing-foot' }, h('a', { href: 'check', 'data-testid': 'check-link' }, t('landing.check'))),
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#new.addEventListener('click', () => this.emit('aq-new-room'), { signal });
    this.#settings.addEventListener('click', () => this.emit('aq-settings'), { signal });
    this.#clear.addEventListener(
      'click',
      () => {
        this.emit('aq-forget-room', null);
        this.#new.focus();
      },
      { signal },
    );
    this.#room.addEventListener('input', () => this.#typed(), { signal });
    this.#form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        this.#go();
      },
      { signal },
    );
    this.#list.addEventListener('click', (event) => this.#clicked(event), { signal });
  }

  /** @override @param {LandingModel} model */
  render({ recent, now }) {
    const made = JSON.stringify([recent, new Date(now).toDateString()]);
    if (made === this.#shown) return;
    this.#shown = made;
    this.#recent.hidden = recent.length === 0;
    this.#list.replaceChildren(...recent.map((visit) => recentItem(visit, now)));
  }

  /** What is typed. @returns {string} */
  get draft() {
    return this.#room.value;
  }

  set draft(text) {
    this.#room.value = text;
    if (text !== '') this.#typed();
  }

  focusFirst() {
    this.#new.focus();
  }

  /** Puts the cursor where the language is chosen. */
  focusLanguage() {
    this.#language.querySelector('select')?.focus();
  }

  /** What the server thinks of what is typed. @param {Verdict} verdict */
  judge(verdict) {
    const bad = verdict && 'field' in verdict ? verdict.text : '';
    note(this.#room, this.#note, bad, this.#room.value.trim() !== '' && verdict && 'people' in verdict ? insideText(verdict) : '');
  }

  #typed() {
    const room = roomIn(this.#room.value, location.origin);
    if (room === '') this.judge(null);
    else this.emit('aq-who', { room, username: '' });
  }

  #go() {
    const text = this.#room.value;
    const room = roomIn(text, location.origin);
    if (room !== '') {
      this.emit('aq-room', { room, link: text.trim() });
      return;
    }
    note(this.#room, this.#note, t('landing.no-room'), '');
    this.#room.focus();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const room = target.closest('li')?.dataset.room;
    if (room === undefined) return;
    if (target.closest('button')) {
      const next = target.closest('li')?.nextElementSibling ?? target.closest('li')?.previousElementSibling;
      /** @type {HTMLElement} */ (next?.querySelector('a') ?? this.#new).focus();
      this.emit('aq-forget-room', room);
    } else if (target.closest('a') && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
      event.preventDefault();
      this.emit('aq-room', { room, link: '' });
    }
  }
}

/** @param {{room: string, at: number}} visit @param {number} now */
function recentItem({ room, at }, now) {
  const remove = t('landing.forget', { room });
  return h(
    'li',
    { class: 'recent-item', 'data-room': room },
    h('a', { class: 'recent-link', href: `?${new URLSearchParams({ room })}`, 'data-testid': 'recent-room' }, h('span', { class: 'recent-name', dir: 'auto' }, room), h('span', { class: 'recent-day' }, relativeDay(new Date(at), new Date(now)))),
    h('button', { type: 'button', class: 'round small', 'aria-label': remove, title: remove, 'data-testid': 'recent-forget' }, icon('close')),
  );
}

/**
 * The room that a text names: itself, or the one of a link to this server, for
 * what was sent to people is mostly a link.
 *
 * @param {string} text
 * @param {string} origin  of this page
 * @returns {string} empty: none
 */
export function roomIn(text, origin) {
  const trimmed = text.trim();
  try {
    const url = new URL(trimmed);
    return url.origin === origin ? (url.searchParams.get('room') ?? '').trim() : trimmed;
  } catch {
    return trimmed; // no link: a name
  }
}

customElements.define('aq-landing', AqLanding);
