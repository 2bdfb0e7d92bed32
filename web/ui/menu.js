/** One menu at a time, beside the button that opened it. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute } from './element.js';
import { icon } from './icons.js';

/**
 * @typedef {object} Entry
 * @property {string} id      also its `data-testid`, with `menu-` before it
 * @property {'item'|'radio'|'check'|'heading'} [kind]  an item unless it says otherwise
 * @property {string} label
 * @property {string} [name]  what screen readers say instead
 * @property {import('./icons.js').IconName} [icon]
 * @property {boolean} [on]     of a radio or check
 * @property {string} [event]   what is emitted when it is chosen
 * @property {unknown} [detail]
 * @property {boolean} [twice]  asks once more
 * @property {boolean} [stays]  the menu stays open
 */
/** @typedef {{name: string, label: string, row?: boolean, entries: Entry[]}} Menu */

const ROLES = { item: 'menuitem', radio: 'menuitemradio', check: 'menuitemcheckbox' };
/** Between the menu, its button and the edges of the window. */
const GAP = 6;

/** @extends {AqElement<null>} */
export class AqMenu extends AqElement {
  #box = h('div', { class: 'menu', role: 'menu', hidden: true });
  /** @type {HTMLElement|null} */
  #anchor = null;
  /** @type {Menu|null} */
  #shown = null;
  #text = '';

  /** @override */
  build() {
    this.append(this.#box);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#box.addEventListener('keydown', (event) => this.#key(event), { signal });
    const away = (/** @type {Event} */ event) => {
      const target = /** @type {Node} */ (event.target);
      if (!this.#box.contains(target) && !this.#anchor?.contains(target)) this.close(false);
    };
    document.addEventListener('pointerdown', away, { signal, capture: true });
    addEventListener('resize', () => this.close(false), { signal });
    signal.addEventListener('abort', () => this.close(false));
  }

  /** The menu that is open. @returns {string|null} */
  get open() {
    return this.#shown?.name ?? null;
  }

  /**
   * Opens a menu, or closes it if it is open.
   *
   * @param {HTMLElement} anchor
   * @param {Menu} menu
   */
  toggle(anchor, menu) {
    const same = this.#anchor === anchor;
    this.close(same);
    if (same || menu.entries.length === 0) return;
    this.#anchor = anchor;
    setAttribute(anchor, 'aria-expanded', 'true');
    this.#box.hidden = false;
    this.#fill(menu);
    this.#place();
    (this.#items.find((item) => item.getAttribute('aria-checked') === 'true') ?? this.#items[0])?.focus();
  }

  /** Shows what has changed meanwhile. @param {Menu} menu */
  refresh(menu) {
    if (JSON.stringify(menu) === this.#text) return;
    const focused = document.activeElement?.getAttribute('data-testid');
    const held = this.#box.contains(document.activeElement);
    this.#fill(menu);
    if (held) (this.#items.find((item) => item.getAttribute('data-testid') === focused) ?? this.#items[0])?.focus();
  }

  /** @param {boolean} back  the focus goes back to the button */
  close(back) {
    const anchor = this.#anchor;
    if (!anchor) return;
    this.#anchor = null;
    this.#shown = null;
    this.#box.hidden = true;
    this.#box.replaceChildren();
    setAttribute(anchor, 'aria-expanded', 'false');
    if (back) anchor.focus();
  }

  /** @returns {HTMLElement[]} */
  get #items() {
    return [...this.#box.querySelectorAll('button')];
  }

  /** @param {Menu} menu */
  #fill(menu) {
    this.#text = JSON.stringify(menu);
    this.#shown = menu;
    setAttribute(this.#box, 'aria-label', menu.label);
    setAttribute(this.#box, 'data-menu', menu.name);
    setAttribute(this.#box, 'data-row', menu.row);
    /** @type {HTMLElement} */
    let group = this.#box;
    this.#box.replaceChildren();
    for (const entry of menu.entries) {
      if (entry.kind === 'heading') {
        group = h('div', { role: 'group', 'aria-label': entry.label, class: 'menu-group' }, h('div', { class: 'menu-heading', 'aria-hidden': 'true' }, entry.label));
        this.#box.append(group);
      } else group.append(this.#item(entry));
    }
  }

  /** @param {Entry} entry */
  #item(entry) {
    const { id, kind = 'item', label, name, on = false } = entry;
    const role = ROLES[/** @type {keyof typeof ROLES} */ (kind)];
    const text = h('span', { class: 'menu-text', dir: 'auto' }, label);
    const sign = kind === 'item' ? (entry.icon ? icon(entry.icon) : null) : h('span', { class: 'menu-sign' }, on ? icon('check') : null);
    const item = h('button', { type: 'button', role, class: 'menu-item', tabindex: -1, 'data-testid': `menu-${id}`, 'aria-checked': kind === 'item' ? null : String(on), 'aria-label': name ?? null, title: name ?? null }, sign, text);
    item.addEventListener('click', () => {
      if (entry.twice && !item.hasAttribute('data-sure')) {
        setAttribute(item, 'data-sure', true);
        text.textContent = t('menu.sure', { action: label });
        return;
      }
      const anchor = this.#anchor;
      if (!entry.stays) this.close(true);
      if (entry.event) (anchor ?? this).dispatchEvent(new CustomEvent(entry.event, { detail: entry.detail, bubbles: true }));
    });
    return item;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const items = this.#items;
    const now = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const back = document.documentElement.dir === 'rtl' ? 'ArrowRight' : 'ArrowLeft';
    const forth = back === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft';
    /** @type {Record<string, number>} */
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1, ...(this.#shown?.row && { [forth]: now + 1, [back]: now - 1 }) };
    if (event.key in to) {
      event.preventDefault();
      items.at(to[event.key] % items.length)?.focus();
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      if (event.key === 'Escape') event.preventDefault();
      event.stopPropagation(); // a panel that is open stays
      this.close(true);
    }
  }

  /** Above the button or below it, where there is more room; beside one at the edge of a low window. */
  #place() {
    const box = this.#box;
    const anchor = /** @type {HTMLElement} */ (this.#anchor).getBoundingClientRect();
    const { innerWidth, innerHeight } = window;
    const { offsetWidth: width, offsetHeight: height } = box;
    const clamp = (/** @type {number} */ value, /** @type {number} */ most) => Math.max(GAP, Math.min(value, most - GAP));
    const above = anchor.top > innerHeight - anchor.bottom;
    const room = (above ? anchor.top : innerHeight - anchor.bottom) - 2 * GAP;
    const beside = height > room && width < Math.max(anchor.left, innerWidth - anchor.right) - 2 * GAP;
    const left = anchor.left > innerWidth - anchor.right;
    const x = beside ? (left ? anchor.left - width - GAP : anchor.right + GAP) : anchor.left + (anchor.width - width) / 2;
    const y = beside ? anchor.top + (anchor.height - height) / 2 : above ? anchor.top - height - GAP : anchor.bottom + GAP;
    box.style.transform = `translate(${clamp(x, innerWidth - width)}px, ${clamp(y, innerHeight - height)}px)`;
  }
}

customElements.define('aq-menu', AqMenu);
