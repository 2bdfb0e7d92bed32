/** Short notices that go by themselves, and errors that stay until closed. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute } from './element.js';
import { icon } from './icons.js';

const SHOWN_MS = 5000;
const MOST = 3;

/**
 * @typedef {object} Toast
 * @property {string} text
 * @property {'info'|'error'} [kind]
 * @property {{label: string, run: () => void}} [action]
 * @property {boolean} [stays]  until somebody closes it, as errors do
 * @property {string} [id]  a newer toast with the same id takes the place of the older
 */

/** @extends {AqElement<null>} */
export class AqToasts extends AqElement {
  /** @override */
  build() {
    setAttribute(this, 'role', 'region');
    setAttribute(this, 'aria-label', t('notice.label'));
    setAttribute(this, 'aria-live', 'polite');
  }

  /** @param {Toast} toast */
  show(toast) {
    if (toast.id) this.dismiss(toast.id);
    const element = this.#make(toast);
    this.append(element);
    while (this.children.length > MOST) this.children[0].remove();
    if (toast.kind !== 'error' && !toast.action && !toast.stays) setTimeout(() => element.remove(), SHOWN_MS);
  }

  /** @param {string} id */
  dismiss(id) {
    for (const element of [...this.children]) if (element.getAttribute('data-toast') === id) element.remove();
  }

  /** @param {Toast} toast */
  #make({ text, kind = 'info', action, id }) {
    const close = h('button', { type: 'button', class: 'round small', 'aria-label': t('notice.close') }, icon('close'));
    const element = h('div', { class: `toast ${kind}`, 'data-testid': kind === 'error' ? 'error-box' : 'toast', 'data-toast': id ?? null }, h('span', { class: 'toast-text', dir: 'auto' }, text));
    if (action) {
      const button = h('button', { type: 'button', class: 'button small' }, action.label);
      button.addEventListener('click', () => {
        action.run();
        element.remove();
      });
      element.append(button);
    }
    close.addEventListener('click', () => element.remove());
    element.append(close);
    return element;
  }
}

customElements.define('aq-toasts', AqToasts);
