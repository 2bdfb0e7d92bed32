/** The choice of the page's language. */

import { language, t } from '../i18n/i18n.js';
import { LANGUAGES } from '../i18n/languages.js';
import { AqElement, h } from './element.js';
import { icon } from './icons.js';

let instances = 0;

/** @extends {AqElement<null>} */
export class AqLanguage extends AqElement {
  #id = `aq-language-${(instances += 1)}`;
  #select;

  /** @param {string} testid */
  constructor(testid) {
    super();
    const options = LANGUAGES.map(({ code, name }) => h('option', { value: code, lang: code, selected: code === language() }, name));
    this.#select = h('select', { id: this.#id, 'data-testid': testid }, ...options);
  }

  /** @override */
  build() {
    this.append(h('label', { for: this.#id }, icon('language'), t('settings.language')), this.#select);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#select.addEventListener('change', () => this.emit('aq-language', this.#select.value), { signal });
  }
}

customElements.define('aq-language', AqLanguage);
