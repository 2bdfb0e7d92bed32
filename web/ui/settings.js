/** Devices, name, colours, and figures about the connection. */

import { bitrate, milliseconds } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, setText } from './element.js';
import { icon } from './icons.js';
import { AqDevices } from './devices.js';
import { AqLanguage } from './language.js';
import { qualityText } from './text.js';

/** @typedef {'auto'|'light'|'dark'} Theme */
/**
 * @typedef {object} SettingsModel
 * @property {import('./devices.js').DevicesModel} devices
 * @property {string} name
 * @property {Theme} theme
 * @property {import('../media/stats.js').Figures|null} figures
 * @property {import('../protocol/messages.js').Quality|null} quality
 * @property {import('./problems.js').Explanation|null} problem
 */

/** @extends {AqElement<SettingsModel>} */
export class AqSettings extends AqElement {
  #devices = new AqDevices();
  #close = h('button', { type: 'button', class: 'round', 'aria-label': t('settings.close'), 'data-testid': 'settings-close' }, icon('close'));
  #language = new AqLanguage('language-select');
  #theme = h(
    'select',
    { id: 'aq-theme', 'data-testid': 'theme-select' },
    h('option', { value: 'auto' }, t('settings.theme.auto')),
    h('option', { value: 'light' }, t('settings.theme.light')),
    h('option', { value: 'dark' }, t('settings.theme.dark')),
  );
  #name = h('input', { id: 'aq-rename', type: 'text', maxlength: 200, autocomplete: 'off', spellcheck: 'false', 'data-testid': 'rename-input' });
  #rename = h('form', { class: 'field' }, h('label', { for: 'aq-rename' }, t('join.name')), h('div', { class: 'field-row' }, this.#name, h('button', { type: 'submit', class: 'button' }, t('settings.rename'))));
  #values = { score: h('dd', {}), rtt: h('dd', {}), down: h('dd', {}), up: h('dd', {}), sending: h('dd', {}), path: h('dd', {}) };
  #title = h('strong', {});
  #text = h('p', {});
  #retry = h('button', { type: 'button', class: 'button small' }, t('common.retry'));
  #problem = h('div', { class: 'notice', 'data-testid': 'settings-problem', hidden: true }, icon('warning'), h('div', {}, this.#title, this.#text, this.#retry));
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'aq-settings-title', 'data-testid': 'settings' });

  /** @override */
  build() {
    const row = (/** @type {string} */ term, /** @type {HTMLElement} */ value) => h('div', {}, h('dt', {}, term), value);
    this.#dialog.append(
      h('div', { class: 'dialog-head' }, h('h2', { id: 'aq-settings-title' }, t('settings.title')), this.#close),
      h(
        'div',
        { class: 'dialog-body', tabindex: 0, role: 'group', 'aria-label': t('settings.title') },
        this.#problem,
        this.#devices,
        this.#rename,
        this.#language,
        h('div', { class: 'field' }, h('label', { for: 'aq-theme' }, t('settings.theme')), this.#theme),
        h('h3', {}, t('figures.title')),
        h(
          'dl',
          { class: 'figures', 'data-testid': 'figures' },
          row(t('figures.quality'), this.#values.score),
          row(t('figures.round-trip'), this.#values.rtt),
          row(t('figures.receiving'), this.#values.down),
          row(t('figures.sending'), this.#values.up),
          row(t('figures.picture'), this.#values.sending),
          row(t('figures.path'), this.#values.path),
        ),
      ),
    );
    this.append(this.#dialog);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#close.addEventListener('click', () => this.#dialog.close(), { signal });
    this.#dialog.addEventListener('close', () => this.emit('aq-settings-closed'), { signal });
    // A click beside the dialog hits the dialog element itself.
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close(), { signal });
    this.#theme.addEventListener('change', () => this.emit('aq-theme', this.#theme.value), { signal });
    this.#retry.addEventListener('click', () => this.emit('aq-device-retry'), { signal });
    this.#rename.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        const name = this.#name.value.trim();
        if (name !== '') this.emit('aq-rename', name);
      },
      { signal },
    );
  }

  /** @returns {boolean} */
  get open() {
    return this.#dialog.open;
  }

  show() {
    if (this.#dialog.open) return;
    this.#name.value = this.model?.name ?? '';
    this.#dialog.showModal();
  }

  /** Puts the cursor where the language is chosen. */
  focusLanguage() {
    this.#language.querySelector('select')?.focus();
  }

  hide() {
    if (this.#dialog.open) this.#dialog.close();
  }

  /** @override @param {SettingsModel} model */
  render({ devices, theme, figures, quality, problem }) {
    this.#devices.model = this.#dialog.open ? devices : { ...devices, microphone: null };
    if (this.#theme.value !== theme) this.#theme.value = theme;
    this.#problem.hidden = problem === null;
    if (problem) {
      setText(this.#title, problem.title);
      setText(this.#text, problem.text);
      this.#retry.hidden = !problem.retry;
    }
    const unknown = t('common.unknown');
    const known = (/** @type {number|null|undefined} */ value, /** @type {(value: number) => string} */ write) => (value === null || value === undefined ? unknown : write(value));
    setText(this.#values.score, qualityText(quality?.score ?? 0));
    setText(this.#values.rtt, known(figures?.rttMs, (ms) => (ms < 1 ? `< ${milliseconds(1)}` : milliseconds(ms))));
    setText(this.#values.down, known(figures?.receiveBps, bitrate));
    setText(this.#values.up, known(figures?.sendBps, bitrate));
    setText(this.#values.sending, figures?.sending || unknown);
    setText(this.#values.path, figures?.path || unknown);
  }
}

customElements.define('aq-settings', AqSettings);
