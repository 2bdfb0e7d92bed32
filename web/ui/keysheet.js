/** The keys of the call, on a sheet; and whether they do anything. */

import { t } from '../i18n/i18n.js';
import { AqElement, h } from './element.js';
import { icon } from './icons.js';
import { SHORTCUTS } from './shortcuts.js';

/** @extends {AqElement<{shortcuts: boolean}>} */
export class AqKeySheet extends AqElement {
  #close = h('button', { type: 'button', class: 'round', 'aria-label': t('common.close'), 'data-testid': 'keys-close' }, icon('close'));
  #switch = h('input', { type: 'checkbox', 'data-testid': 'keys-switch' });
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'aq-keys-title', 'data-testid': 'keys' });

  /** @override */
  build() {
    const rows = SHORTCUTS.map(({ id, key }) => h('div', {}, h('dt', {}, t(`keys.${id}`)), h('dd', {}, h('kbd', {}, nameOf(key)))));
    this.#dialog.append(
      h('div', { class: 'dialog-head' }, h('h2', { id: 'aq-keys-title' }, t('keys.title')), this.#close),
      h(
        'div',
        { class: 'dialog-body', tabindex: 0, role: 'group', 'aria-label': t('keys.title') },
        h('label', { class: 'switch' }, this.#switch, h('span', {}, t('keys.switch'))),
        h('dl', { class: 'keys' }, ...rows, h('div', {}, h('dt', {}, t('keys.close')), h('dd', {}, h('kbd', {}, t('keys.name.escape'))))),
      ),
    );
    this.append(this.#dialog);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#close.addEventListener('click', () => this.#dialog.close(), { signal });
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close(), { signal });
    this.#switch.addEventListener('change', () => this.emit('aq-shortcuts', this.#switch.checked), { signal });
  }

  /** Shows the sheet, or takes it away. */
  toggle() {
    if (this.#dialog.open) this.#dialog.close();
    else this.#dialog.showModal();
  }

  /** @override @param {{shortcuts: boolean}} model */
  render({ shortcuts }) {
    this.#switch.checked = shortcuts;
  }
}

/** @param {string} key  as in KeyboardEvent */
function nameOf(key) {
  if (key === ' ') return t('keys.name.space');
  if (key === 'PageUp') return t('keys.name.page-up');
  if (key === 'PageDown') return t('keys.name.page-down');
  return key.toUpperCase();
}

customElements.define('aq-key-sheet', AqKeySheet);
