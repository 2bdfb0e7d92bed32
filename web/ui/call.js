/** A room from inside: bar, stage, controls, and the panel with chat or people. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { AqChat } from './chat.js';
import { AqControls } from './controls.js';
import { AqPeople } from './people.js';
import { AqStage } from './stage.js';
import { qualityText } from './text.js';

/** @typedef {'chat'|'people'|null} Panel */
/**
 * @typedef {object} CallViewModel
 * @property {import('../model.js').CallModel} call
 * @property {'grid'|'speaker'} layout
 * @property {import('./chat.js').Talk} talk
 * @property {Panel} panel
 * @property {number} unread
 * @property {boolean} audioBlocked
 * @property {boolean} asking    the browser is asking for a device
 * @property {{microphone: boolean, camera: boolean}} trouble
 */

/** @extends {AqElement<CallViewModel>} */
export class AqCall extends AqElement {
  #room = h('h1', { class: 'bar-room', 'data-testid': 'room-name', dir: 'auto' });
  #stateText = h('span', {});
  #state = h('div', { class: 'connection', 'data-testid': 'connection-state', role: 'status' }, h('span', { class: 'connection-dot', 'aria-hidden': 'true' }), this.#stateText);
  #bars = h('span', { class: 'quality', role: 'img', 'data-testid': 'quality', hidden: true }, h('i'), h('i'), h('i'), h('i'));
  #retry = h('button', { type: 'button', class: 'button small', 'data-testid': 'retry-now', hidden: true }, t('call.retry'));
  #copy = h('button', { type: 'button', class: 'control', 'aria-label': t('call.copy-link'), title: t('call.copy-link'), 'data-testid': 'copy-link' }, icon('link'));
  #settings = h('button', { type: 'button', class: 'control', 'aria-label': t('call.settings'), title: t('call.settings'), 'data-testid': 'settings-button' }, icon('settings'));
  #unblock = h('button', { type: 'button', class: 'button primary', 'data-testid': 'unblock-audio' }, icon('speaker'), t('call.unblock'));
  #banner = h('div', { class: 'banner', role: 'alert', hidden: true }, h('span', {}, t('call.blocked')), this.#unblock);
  #asking = h('div', { class: 'banner', role: 'status', 'data-testid': 'asking', hidden: true }, t('call.asking'));
  #stage = new AqStage();
  #controls = new AqControls();
  #chat = new AqChat();
  #people = new AqPeople();
  #panelTitle = h('h2', { id: 'aq-panel-title' });
  #panelClose = h('button', { type: 'button', class: 'round', 'aria-label': t('common.close'), 'data-testid': 'panel-close' }, icon('close'));
  #panel = h('aside', { class: 'panel', 'aria-labelledby': 'aq-panel-title', hidden: true }, h('div', { class: 'panel-head' }, this.#panelTitle, this.#panelClose), this.#chat, this.#people);
  /** @type {Panel} */
  #shownPanel = null;

  /** @override */
  build() {
    this.append(
      h('header', { class: 'bar' }, this.#room, this.#state, this.#retry, this.#bars, h('span', { class: 'spring' }), this.#copy, this.#settings),
      h('main', { class: 'call-main', tabindex: -1, 'aria-label': t('call.label') }, this.#banner, this.#asking, this.#stage),
      this.#panel,
      h('footer', { class: 'call-footer' }, this.#controls),
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#copy.addEventListener('click', () => this.emit('aq-copy-link'), { signal });
    this.#settings.addEventListener('click', () => this.emit('aq-settings'), { signal });
    this.#retry.addEventListener('click', () => this.emit('aq-retry'), { signal });
    this.#unblock.addEventListener('click', () => this.emit('aq-unblock'), { signal });
    this.#panelClose.addEventListener('click', () => this.#closePanel(), { signal });
    this.#panel.addEventListener('keydown', (event) => event.key === 'Escape' && this.#closePanel(), { signal });
  }

  /** @override @param {CallViewModel} model */
  render({ call, layout, talk, panel, unread, audioBlocked, asking, trouble }) {
    setText(this.#room, call.room);
    setAttribute(this.#room, 'title', call.room);
    setAttribute(this.#state, 'data-state', call.connection.kind);
    setAttribute(this.#state, 'data-weak', call.connection.weak);
    setText(this.#stateText, call.connection.text);
    this.#retry.hidden = !['reconnecting', 'media-lost'].includes(call.connection.kind);
    this.#showQuality(call.quality);
    this.#banner.hidden = !audioBlocked;
    this.#asking.hidden = !asking;
    this.#stage.layout = layout;
    this.#stage.model = call;
    this.#controls.model = { on: call.on, may: call.may, trouble, panel, unread, people: call.people.length, waiting: call.moderation.waiting.length, muted: call.people[0]?.muted ?? [] };
    this.#chat.model = { chat: call.chat, pending: call.pendingChat, peerId: call.peerId, people: call.people, may: call.may.chat, ...talk };
    this.#people.model = { people: call.people, moderation: call.moderation };
    this.#showPanel(panel);
  }

  /** @param {Panel} panel */
  #showPanel(panel) {
    if (panel === this.#shownPanel) return;
    const back = this.#shownPanel;
    this.#shownPanel = panel;
    this.#panel.hidden = panel === null;
    this.#chat.hidden = panel !== 'chat';
    this.#people.hidden = panel !== 'people';
    setAttribute(this, 'data-panel', panel);
    if (panel === 'chat') {
      setText(this.#panelTitle, t('chat.title'));
      this.#chat.scrollToEnd();
      this.#chat.focusInput();
    } else if (panel === 'people') {
      setText(this.#panelTitle, t('people.title'));
      this.#panelClose.focus();
    } else if (back) {
      /** @type {HTMLElement|null} */ (this.#controls.querySelector(`[data-testid="${back}-button"]`))?.focus();
    }
  }

  /** What is typed in the chat and not sent. @returns {import('./chat.js').ChatDraft} */
  get draft() {
    return this.#chat.draft;
  }

  set draft(draft) {
    this.#chat.draft = draft;
  }

  #closePanel() {
    if (this.#shownPanel) this.emit('aq-panel', this.#shownPanel);
  }

  /** @param {import('../protocol/messages.js').Quality|null} quality */
  #showQuality(quality) {
    const score = quality?.score ?? 0;
    this.#bars.hidden = score === 0;
    if (score === 0) return;
    setAttribute(this.#bars, 'data-score', score);
    const label = t('quality.label', { quality: qualityText(score) });
    setAttribute(this.#bars, 'aria-label', label);
    setAttribute(this.#bars, 'title', label);
  }
}

customElements.define('aq-call', AqCall);
