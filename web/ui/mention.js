/** Names to choose from while somebody types "@". Loaded when that is typed first. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';

const MOST = 6;

/**
 * The name that is being typed before the cursor. Pure.
 *
 * @param {string} text
 * @param {number} caret
 * @returns {{start: number, query: string}|null}  start: where the "@" stands
 */
export function mentionAt(text, caret) {
  const found = /(?:^|\s)@([^@\n]{0,40})$/u.exec(text.slice(0, caret));
  return found ? { start: caret - found[1].length - 1, query: found[1] } : null;
}

/**
 * Names that fit, those that begin with it first. Pure.
 *
 * @param {readonly string[]} names
 * @param {string} query
 * @returns {string[]}
 */
export function fitting(names, query) {
  const wanted = query.toLowerCase();
  /** @param {string} name */
  const rank = (name) => {
    const lower = name.toLowerCase();
    if (lower === wanted) return 3; // whole already: there is nothing to suggest
    if (lower.startsWith(wanted)) return 0;
    return lower.split(/\s+/).some((word) => word.startsWith(wanted)) ? 1 : 2;
  };
  const all = [...new Set(names)].filter((name) => rank(name) < 2);
  return all.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, MOST);
}

let instances = 0;

/** The list beside a text field that keeps the focus. @extends {AqElement<null>} */
export class AqMention extends AqElement {
  #id = `aq-mention-${(instances += 1)}`;
  #list = h('ul', { id: this.#id, class: 'mention-list', role: 'listbox', 'aria-label': t('chat.mention'), 'data-testid': 'mention-list' });
  #count = h('p', { class: 'sr-only', role: 'status' });
  /** @type {string[]} */
  #names = [];
  #active = 0;
  /** @type {HTMLTextAreaElement} */
  #input;
  /** Where somebody did not want it. */
  #dismissed = -1;

  /** @param {HTMLTextAreaElement} input */
  constructor(input) {
    super();
    this.#input = input;
  }

  /** @override */
  build() {
    this.append(this.#list, this.#count);
    this.#close();
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#list.addEventListener(
      'pointerdown',
      (event) => {
        const option = /** @type {Element} */ (event.target).closest('[role="option"]');
        event.preventDefault(); // the field keeps the focus
        if (option) this.#choose([...this.#list.children].indexOf(option));
      },
      { signal },
    );
    this.#input.addEventListener('blur', () => this.#close(), { signal });
  }

  /** To be called when the text or the cursor has changed. @param {readonly string[]} names */
  update(names) {
    const at = mentionAt(this.#input.value, this.#input.selectionStart);
    this.#names = at && at.start !== this.#dismissed ? fitting(names, at.query) : [];
    if (!at) this.#dismissed = -1;
    if (this.#names.length === 0) {
      this.#close();
      return;
    }
    this.#list.replaceChildren(...this.#names.map((name, i) => h('li', { role: 'option', id: `${this.#id}-${i}`, class: 'mention-option', dir: 'auto' }, name)));
    this.#list.hidden = false;
    setAttribute(this.#input, 'aria-controls', this.#id);
    setText(this.#count, t('chat.mention-count', { n: this.#names.length }));
    this.#activate(0);
  }

  /** @param {KeyboardEvent} event @returns {boolean} the key was for the list */
  key(event) {
    if (this.#list.hidden || event.isComposing) return false;
    const { length } = this.#names;
    if (event.key === 'ArrowDown') this.#activate((this.#active + 1) % length);
    else if (event.key === 'ArrowUp') this.#activate((this.#active + length - 1) % length);
    else if (event.key === 'Enter' || event.key === 'Tab') this.#choose(this.#active);
    else if (event.key === 'Escape') this.#dismiss();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  #dismiss() {
    this.#dismissed = mentionAt(this.#input.value, this.#input.selectionStart)?.start ?? -1;
    this.#close();
  }

  #close() {
    this.#list.hidden = true;
    setText(this.#count, '');
    this.#input.removeAttribute('aria-activedescendant');
    this.#input.removeAttribute('aria-controls');
  }

  /** @param {number} index */
  #activate(index) {
    this.#active = index;
    [...this.#list.children].forEach((option, i) => setAttribute(option, 'aria-selected', String(i === index)));
    setAttribute(this.#input, 'aria-activedescendant', `${this.#id}-${index}`);
    this.#list.children[index].scrollIntoView({ block: 'nearest' });
  }

  /** @param {number} index */
  #choose(index) {
    const { value, selectionStart: caret } = this.#input;
    const at = mentionAt(value, caret);
    const name = this.#names[index];
    this.#close();
    if (!at || name === undefined) return;
    this.#input.setRangeText(`@${name} `, at.start, caret, 'end');
    this.#input.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

customElements.define('aq-mention', AqMention);
