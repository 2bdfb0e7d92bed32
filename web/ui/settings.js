/** Everything that is set once: devices, sound and picture, sounds, name, language, colours, keys; and figures about the connection. Loaded when it is opened. */

import { bitrate, milliseconds } from '../i18n/format.js';
import { hasText, t } from '../i18n/i18n.js';
import { AqElement, h, setText } from './element.js';
import { icon } from './icons.js';
import { AqDevices } from './devices.js';
import { AqLanguage } from './language.js';
import { showHelp } from './parts.js';
import { qualityText } from './text.js';

/** @typedef {'auto'|'light'|'dark'} Theme */
/** Preferences that are on or off. @typedef {'noiseSuppression'|'echoCancellation'|'autoGainControl'|'backgroundBlur'|'mirror'|'soundPeople'|'soundChat'|'soundHand'|'saveData'|'shortcuts'} SwitchName */
/**
 * @typedef {object} SettingsModel
 * @property {import('./devices.js').DevicesModel} devices
 * @property {string} name
 * @property {boolean} inCall   there is a connection to tell of
 * @property {Theme} theme
 * @property {Record<SwitchName, boolean>} on
 * @property {readonly SwitchName[]} missing   what this browser or this camera does not have
 * @property {import('../media/stats.js').Figures|null} figures
 * @property {import('../protocol/messages.js').Quality|null} quality
 * @property {import('./problems.js').Explanation|null} problem
 */

let instances = 0;

/** @extends {AqElement<SettingsModel>} */
export class AqSettings extends AqElement {
  #prefix = `aq-settings-${(instances += 1)}`;
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
  #rename = h('form', { class: 'field' }, h('label', { for: 'aq-rename' }, t('join.name')), h('div', { class: 'field-row' }, this.#name, h('button', { type: 'submit', class: 'button', 'data-testid': 'rename-button' }, t('settings.rename'))));
  /** @type {Map<SwitchName, {row: HTMLElement, input: HTMLInputElement}>} */
  #switches = new Map();
  #values = { score: h('dd', {}), rtt: h('dd', {}), down: h('dd', {}), up: h('dd', {}), sending: h('dd', { dir: 'ltr' }), path: h('dd', { dir: 'ltr' }) };
  #figures = h('section', { class: 'settings-section' });
  #title = h('strong', {});
  #text = h('p', {});
  #retry = h('button', { type: 'button', class: 'button small' }, t('common.retry'));
  #help = h('div', {});
  #problem = h('div', { class: 'notice', 'data-testid': 'settings-problem', hidden: true }, icon('warning'), h('div', {}, this.#title, this.#text, this.#retry));
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': `${this.#prefix}-title`, 'data-testid': 'settings' });

  /** @override */
  build() {
    this.#dialog.append(
      h('div', { class: 'dialog-head' }, h('h2', { id: `${this.#prefix}-title` }, t('settings.title')), this.#close),
      h(
        'div',
        { class: 'dialog-body', tabindex: 0, role: 'group', 'aria-label': t('settings.title') },
        this.#problem,
        this.#help,
        this.#section(t('settings.devices'), this.#devices),
        this.#section(t('settings.microphone'), ...this.#rows('noiseSuppression', 'echoCancellation', 'autoGainControl')),
        this.#section(t('settings.camera'), ...this.#rows('backgroundBlur', 'mirror')),
        this.#section(t('settings.you'), this.#rename, this.#language, h('div', { class: 'field' }, h('label', { for: 'aq-theme' }, t('settings.theme')), this.#theme)),
        this.#section(t('settings.sounds'), ...this.#rows('soundPeople', 'soundChat', 'soundHand')),
        this.#section(t('settings.call'), ...this.#rows('saveData', 'shortcuts')),
        this.#figures,
      ),
    );
    this.#buildFigures();
    this.append(this.#dialog);
  }

  #buildFigures() {
    const row = (/** @type {string} */ term, /** @type {HTMLElement} */ value) => h('div', {}, h('dt', {}, term), value);
    this.#figures.append(
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
    );
  }

  /** @param {string} title @param {...HTMLElement} children */
  #section(title, ...children) {
    return h('section', { class: 'settings-section' }, h('h3', {}, title), ...children);
  }

  /** @param {...SwitchName} names */
  #rows(...names) {
    return names.map((name) => {
      const id = `${this.#prefix}-${name}`;
      const noted = `switch.${name}.note`;
      const note = h('span', { id: `${id}-note`, class: 'switch-note' }, hasText(noted) ? t(noted) : '');
      const input = h('input', { type: 'checkbox', role: 'switch', id, 'aria-describedby': note.id, 'data-testid': `switch-${name}` });
      const row = h('div', { class: 'switch-row' }, h('label', { for: id }, t(`switch.${name}`)), input, note);
      this.#switches.set(name, { row, input });
      return row;
    });
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#close.addEventListener('click', () => this.#dialog.close(), { signal });
    this.#dialog.addEventListener('close', () => this.emit('aq-settings-closed'), { signal });
    // A click beside the dialog hits the dialog element itself.
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close(), { signal });
    this.#theme.addEventListener('change', () => this.emit('aq-theme', this.#theme.value), { signal });
    this.#retry.addEventListener('click', () => this.emit('aq-device-retry'), { signal });
    for (const [name, { input }] of this.#switches) input.addEventListener('change', () => this.emit('aq-switch', { name, on: input.checked }), { signal });
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
  render({ devices, theme, on, missing, inCall, figures, quality, problem }) {
    this.#devices.model = this.#dialog.open ? devices : { ...devices, microphone: null };
    if (this.#theme.value !== theme) this.#theme.value = theme;
    for (const [name, { row, input }] of this.#switches) {
      row.hidden = missing.includes(name);
      input.checked = on[name];
    }
    this.#problem.hidden = problem === null;
    showHelp(this.#help, problem?.help ?? false);
    if (problem) {
      setText(this.#title, problem.title);
      setText(this.#text, problem.text);
      this.#retry.hidden = !problem.retry;
    }
    this.#figures.hidden = !inCall;
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
