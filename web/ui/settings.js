/** Devices, name, colours, and figures about the connection. */

import { AqElement, h, setText } from './element.js';
import { icon } from './icons.js';
import { rate } from './text.js';
import { AqDevices } from './devices.js';

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
  #close = h('button', { type: 'button', class: 'round', 'aria-label': 'Close settings', 'data-testid': 'settings-close' }, icon('close'));
  #theme = h(
    'select',
    { id: 'aq-theme', 'data-testid': 'theme-select' },
    h('option', { value: 'auto' }, 'As the system'),
    h('option', { value: 'light' }, 'Light'),
    h('option', { value: 'dark' }, 'Dark'),
  );
  #name = h('input', { id: 'aq-rename', type: 'text', maxlength: 200, autocomplete: 'off', spellcheck: 'false', 'data-testid': 'rename-input' });
  #rename = h('form', { class: 'field' }, h('label', { for: 'aq-rename' }, 'Your name'), h('div', { class: 'field-row' }, this.#name, h('button', { type: 'submit', class: 'button' }, 'Change')));
  #values = { score: h('dd', {}), rtt: h('dd', {}), down: h('dd', {}), up: h('dd', {}), sending: h('dd', {}), path: h('dd', {}) };
  #title = h('strong', {});
  #text = h('p', {});
  #retry = h('button', { type: 'button', class: 'button small' }, 'Try again');
  #problem = h('div', { class: 'notice', 'data-testid': 'settings-problem', hidden: true }, icon('warning'), h('div', {}, this.#title, this.#text, this.#retry));
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'aq-settings-title', 'data-testid': 'settings' });

  /** @override */
  build() {
    const row = (/** @type {string} */ term, /** @type {HTMLElement} */ value) => h('div', {}, h('dt', {}, term), value);
    this.#dialog.append(
      h('div', { class: 'dialog-head' }, h('h2', { id: 'aq-settings-title' }, 'Settings'), this.#close),
      h(
        'div',
        { class: 'dialog-body', tabindex: 0, role: 'group', 'aria-label': 'Settings' },
        this.#problem,
        this.#devices,
        this.#rename,
        h('div', { class: 'field' }, h('label', { for: 'aq-theme' }, 'Colours'), this.#theme),
        h('h3', {}, 'Connection'),
        h(
          'dl',
          { class: 'figures', 'data-testid': 'figures' },
          row('Quality', this.#values.score),
          row('Round trip', this.#values.rtt),
          row('Receiving', this.#values.down),
          row('Sending', this.#values.up),
          row('Own picture', this.#values.sending),
          row('Path', this.#values.path),
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
    const words = ['unknown', 'unusable', 'poor', 'fair', 'good', 'perfect'];
    setText(this.#values.score, words[quality?.score ?? 0] ?? words[0]);
    const rtt = figures?.rttMs ?? null;
    setText(this.#values.rtt, rtt === null ? '–' : rtt < 1 ? '< 1 ms' : `${Math.round(rtt)} ms`);
    setText(this.#values.down, rate(figures?.receiveBps ?? null));
    setText(this.#values.up, rate(figures?.sendBps ?? null));
    setText(this.#values.sending, figures?.sending || '–');
    setText(this.#values.path, figures?.path || '–');
  }
}

customElements.define('aq-settings', AqSettings);
