/** A room from inside: bar, stage, controls, and the panel with chat or people. */

import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { AqAudio } from './audio.js';
import { AqChat } from './chat.js';
import { AqControls } from './controls.js';
import { AqPeople } from './people.js';
import { AqStage } from './stage.js';

/** @typedef {'chat'|'people'|null} Panel */
/**
 * @typedef {object} CallViewModel
 * @property {import('../model.js').CallModel} call
 * @property {Panel} panel
 * @property {number} unread
 * @property {string} speaker
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
  #retry = h('button', { type: 'button', class: 'button small', 'data-testid': 'retry-now', hidden: true }, 'Try now');
  #copy = h('button', { type: 'button', class: 'control', 'aria-label': 'Copy link to this room', title: 'Copy link to this room', 'data-testid': 'copy-link' }, icon('link'));
  #settings = h('button', { type: 'button', class: 'control', 'aria-label': 'Settings and devices', title: 'Settings and devices', 'data-testid': 'settings-button' }, icon('settings'));
  #unblock = h('button', { type: 'button', class: 'button primary', 'data-testid': 'unblock-audio' }, icon('speaker'), 'Turn sound on');
  #banner = h('div', { class: 'banner', role: 'alert', hidden: true }, h('span', {}, 'Your browser has muted this page.'), this.#unblock);
  #asking = h('div', { class: 'banner', role: 'status', 'data-testid': 'asking', hidden: true }, 'Your browser asks whether this page may use your camera and microphone. You are in the room already; answer when you like.');
  #stage = new AqStage();
  #controls = new AqControls();
  #chat = new AqChat();
  #people = new AqPeople();
  #audio = new AqAudio();
  #panelTitle = h('h2', { id: 'aq-panel-title' });
  #panelClose = h('button', { type: 'button', class: 'round', 'aria-label': 'Close', 'data-testid': 'panel-close' }, icon('close'));
  #panel = h('aside', { class: 'panel', 'aria-labelledby': 'aq-panel-title', hidden: true }, h('div', { class: 'panel-head' }, this.#panelTitle, this.#panelClose), this.#chat, this.#people);
  /** @type {Panel} */
  #shownPanel = null;

  /** @override */
  build() {
    this.append(
      h('header', { class: 'bar' }, this.#room, this.#state, this.#retry, this.#bars, h('span', { class: 'spring' }), this.#copy, this.#settings),
      h('main', { class: 'call-main', tabindex: -1, 'aria-label': 'Call' }, this.#banner, this.#asking, this.#stage),
      this.#panel,
      h('footer', { class: 'call-footer' }, this.#controls),
      this.#audio,
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#copy.addEventListener('click', () => this.emit('aq-copy-link'), { signal });
    this.#settings.addEventListener('click', () => this.emit('aq-settings'), { signal });
    this.#retry.addEventListener('click', () => this.emit('aq-retry'), { signal });
    this.#unblock.addEventListener('click', () => this.#audio.unblock(), { signal });
    this.#panelClose.addEventListener('click', () => this.#closePanel(), { signal });
    this.#panel.addEventListener('keydown', (event) => event.key === 'Escape' && this.#closePanel(), { signal });
  }

  /** @override @param {CallViewModel} model */
  render({ call, panel, unread, speaker, audioBlocked, asking, trouble }) {
    setText(this.#room, call.room);
    setAttribute(this.#room, 'title', call.room);
    setAttribute(this.#state, 'data-state', call.connection.kind);
    setAttribute(this.#state, 'data-weak', call.connection.weak);
    setText(this.#stateText, call.connection.text);
    this.#retry.hidden = !['reconnecting', 'media-lost'].includes(call.connection.kind);
    this.#showQuality(call.quality);
    this.#banner.hidden = !audioBlocked;
    this.#asking.hidden = !asking;
    this.#stage.model = call;
    this.#audio.model = { audio: call.audio, speaker };
    this.#controls.model = { on: call.on, may: call.may, trouble, panel, unread, people: call.people.length, waiting: call.moderation.waiting.length, muted: call.people[0]?.muted ?? [] };
    this.#chat.model = { chat: call.chat, pending: call.pendingChat, peerId: call.peerId, may: call.may.chat };
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
      setText(this.#panelTitle, 'Chat');
      this.#chat.scrollToEnd();
      this.#chat.focusInput();
    } else if (panel === 'people') {
      setText(this.#panelTitle, 'People');
      this.#panelClose.focus();
    } else if (back) {
      /** @type {HTMLElement|null} */ (this.#controls.querySelector(`[data-testid="${back}-button"]`))?.focus();
    }
  }

  #closePanel() {
    if (this.#shownPanel) this.emit('aq-panel', this.#shownPanel);
  }

  /** @param {import('../protocol/messages.js').Quality|null} quality */
  #showQuality(quality) {
    const score = quality?.score ?? 0;
    this.#bars.hidden = score === 0;
    if (score === 0) return;
    const words = ['', 'unusable', 'poor', 'fair', 'good', 'perfect'];
    setAttribute(this.#bars, 'data-score', score);
    const label = `Connection quality: ${words[score] ?? 'unknown'}`;
    setAttribute(this.#bars, 'aria-label', label);
    setAttribute(this.#bars, 'title', label);
  }
}

customElements.define('aq-call', AqCall);
