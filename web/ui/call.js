/** A room from inside: bar, stage, controls, and the panel with chat or people. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, leftOut, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { callParts, loadCallParts } from './callparts.js';
import { AqChat } from './chat.js';
import { qualityText } from './text.js';

/** @typedef {'chat'|'people'|null} Panel */
/**
 * @typedef {object} CallViewModel
 * @property {import('../model.js').CallModel} call
 * @property {import('./chat.js').Talk} talk
 * @property {Panel} panel
 * @property {number} unread
 * @property {boolean} audioBlocked
 * @property {boolean} asking    the browser is asking for a device
 * @property {{microphone: boolean, camera: boolean}} trouble
 * @property {import('./arrangement.js').Arrangement} arrangement
 * @property {{devices: import('../media/devices.js').DeviceList, chosen: {microphone: string, camera: string, speaker: string}, canRoute: boolean}} devices
 * @property {{hint: 'detail'|'motion', sound: boolean}} screen  how it is shared
 * @property {{fullScreen: boolean, picture: boolean}} can       what this browser has
 * @property {boolean} shortcuts  keys without Ctrl or Alt do something
 * @property {boolean} talking    the microphone is on for as long as a key is held
 */

/** Where nothing lies over the picture, the bars come with a movement and go by themselves. */
const AWAKE_MS = 3000;
/** The page is there, and nobody does anything: now the call may be fetched. */
const EARLY_MS = 1500;
/** When the join is over, what may be needed later is fetched: the network may be worse then. */
const FETCH_MS = 3000;

/** @extends {AqElement<CallViewModel>} */
export class AqCall extends AqElement {
  #room = h('h1', { class: 'bar-room', 'data-testid': 'room-name', dir: 'auto' });
  #stateText = h('span', {});
  #state = h('div', { class: 'connection', 'data-testid': 'connection-state', role: 'status' }, h('span', { class: 'connection-dot', 'aria-hidden': 'true' }), this.#stateText);
  #bars = h('span', { class: 'quality', role: 'img', 'data-testid': 'quality', hidden: true }, h('i'), h('i'), h('i'), h('i'));
  #retry = h('button', { type: 'button', class: 'button small', 'data-testid': 'retry-now', hidden: true }, t('call.retry'));
  #copy = h('button', { type: 'button', class: 'control', 'aria-label': t('call.copy-link'), title: t('call.copy-link'), 'data-testid': 'copy-link' }, icon('link'));
  #layout = h('button', { type: 'button', class: 'control rare', 'aria-label': t('menus.layout'), title: t('menus.layout'), 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'data-testid': 'layout-button' }, icon('layout'));
  #settings = h('button', { type: 'button', class: 'control rare', 'aria-label': t('call.settings'), title: t('call.settings'), 'data-testid': 'settings-button' }, icon('settings'));
  #unblock = h('button', { type: 'button', class: 'button primary', 'data-testid': 'unblock-audio' }, icon('speaker'), t('call.unblock'));
  #banner = h('div', { class: 'banner', role: 'alert', hidden: true }, h('span', {}, t('call.blocked')), this.#unblock);
  #asking = h('div', { class: 'banner', role: 'status', 'data-testid': 'asking', hidden: true }, t('call.asking'));
  #chat = new AqChat();
  /** @type {{stage: import('./stage.js').AqStage, controls: import('./controls.js').AqControls, people: import('./people.js').AqPeople}|null} once they are loaded */
  #parts = null;
  #main = h('main', { class: 'call-main', tabindex: -1, 'aria-label': t('call.label') }, this.#banner, this.#asking);
  #footer = h('footer', { class: 'call-footer' });
  #panelTitle = h('h2', { id: 'aq-panel-title' });
  #panelClose = h('button', { type: 'button', class: 'round', 'aria-label': t('common.close'), 'data-testid': 'panel-close' }, icon('close'));
  #panel = h('aside', { class: 'panel', 'aria-labelledby': 'aq-panel-title', hidden: true }, h('div', { class: 'panel-head' }, this.#panelTitle, this.#panelClose), this.#chat);
  /** @type {Panel} */
  #shownPanel = null;
  /** @type {import('./menu.js').AqMenu|null} once one was opened */
  #menu = null;
  /** @type {typeof import('./menus.js').menuOf|null} */
  #menuOf = null;
  /** @type {import('./keysheet.js').AqKeySheet|null} */
  #sheet = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #sleep;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #fetch;

  /** @override */
  build() {
    this.append(
      h('header', { class: 'bar' }, this.#room, this.#state, this.#retry, this.#bars, h('span', { class: 'spring' }), this.#layout, this.#copy, this.#settings),
      this.#main,
      this.#panel,
      this.#footer,
    );
    this.#take(callParts());
  }

  /** Makes what comes later than the bar. @param {import('./callparts.js').CallParts|null} parts */
  #take(parts) {
    if (!parts || this.#parts) return;
    const { AqStage, AqControls, AqPeople } = parts;
    const made = { stage: new AqStage(), controls: new AqControls(), people: new AqPeople() };
    this.#parts = made;
    this.#main.append(made.stage);
    this.#footer.append(made.controls);
    made.people.hidden = this.#shownPanel !== 'people';
    this.#panel.append(made.people);
    if (this.model) this.render(this.model);
  }

  #load() {
    // Without a network there is another word about that; the next change tries again.
    loadCallParts().then((parts) => this.#take(parts), () => undefined);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#copy.addEventListener('click', () => this.emit('aq-copy-link'), { signal });
    this.#settings.addEventListener('click', () => this.emit('aq-settings'), { signal });
    this.#retry.addEventListener('click', () => this.emit('aq-retry'), { signal });
    this.#unblock.addEventListener('click', () => this.emit('aq-unblock'), { signal });
    this.#layout.addEventListener('click', () => this.openMenu('layout', this.#layout), { signal });
    this.addEventListener('aq-open-menu', (event) => this.openMenu(/** @type {CustomEvent} */ (event).detail.name, /** @type {CustomEvent} */ (event).detail.anchor), { signal });
    this.addEventListener('aq-keys', () => this.toggleKeys(), { signal });
    for (const type of ['pointermove', 'pointerdown']) this.addEventListener(type, () => this.#wake(), { signal });
    // Whoever does something on the page, or stays, is about to join.
    const early = setTimeout(() => this.#load(), EARLY_MS);
    for (const type of ['pointerdown', 'keydown']) document.addEventListener(type, () => this.#load(), { signal, once: true, capture: true });
    signal.addEventListener('abort', () => [this.#sleep, this.#fetch, early].forEach(clearTimeout));
    this.#panelClose.addEventListener('click', () => this.#closePanel(), { signal });
    this.#panel.addEventListener('keydown', (event) => event.key === 'Escape' && this.#closePanel(), { signal });
  }

  /** @override @param {CallViewModel} model */
  render(model) {
    const { call, talk, panel, audioBlocked, asking, arrangement, shortcuts } = model;
    setText(this.#room, call.room);
    setAttribute(this.#room, 'title', call.room);
    setAttribute(this.#state, 'data-state', call.connection.kind);
    setAttribute(this.#state, 'data-weak', call.connection.weak);
    setText(this.#stateText, call.connection.text);
    this.#retry.hidden = !['reconnecting', 'media-lost'].includes(call.connection.kind);
    this.#showQuality(call.quality);
    this.#banner.hidden = !audioBlocked;
    this.#asking.hidden = !asking;
    setAttribute(this, 'data-immersive', arrangement.maximized !== null);
    this.#showParts(model);
    this.#chat.model = { chat: call.chat, pending: call.pendingChat, peerId: call.peerId, people: call.people, may: call.may.chat, ...talk };
    this.#showPanel(panel);
    this.#refreshMenu();
    if (this.#sheet) this.#sheet.model = { shortcuts };
    if (call.connection.kind === 'connected') this.#fetch ??= setTimeout(fetchLater, FETCH_MS);
  }

  /** @param {CallViewModel} model */
  #showParts({ call, arrangement, trouble, panel, unread, talking }) {
    if (!this.#parts) {
      this.#load();
      return;
    }
    const { stage, controls, people } = this.#parts;
    stage.model = { call, arrangement };
    controls.model = { on: call.on, may: call.may, trouble, panel, unread, people: call.people.length, waiting: call.moderation.waiting.length, talking, muted: call.people[0]?.muted ?? [] };
    people.model = { people: call.people, moderation: call.moderation };
  }

  /** What the tiles stand on; null: it is not loaded yet. @returns {import('./stage.js').AqStage|null} */
  get stage() {
    return this.#parts?.stage ?? null;
  }

  /**
   * Opens a menu beside its button, or closes it.
   *
   * @param {string} name  as for menuOf
   * @param {HTMLElement} [anchor]
   */
  async openMenu(name, anchor = this.#parts?.controls.anchorOf(name)) {
    if (!this.#menu) {
      const [{ AqMenu }, { menuOf }] = await Promise.all([import('./menu.js'), import('./menus.js')]);
      if (this.#menu || !this.isConnected) return;
      this.#menu = new AqMenu();
      this.#menuOf = menuOf;
      this.#main.append(this.#menu);
    }
    const menu = this.#menuModel(name);
    if (menu && anchor) this.#menu.toggle(anchor, menu);
  }

  #refreshMenu() {
    const open = this.#menu?.open;
    if (!open) return;
    const menu = this.#menuModel(open);
    if (menu) this.#menu?.refresh(menu);
    else this.#menu?.close(false);
  }

  /** @param {string} name */
  #menuModel(name) {
    const controls = this.#parts?.controls;
    if (!this.model || !this.#menuOf || !controls) return null;
    /** @type {import('./menu.js').Entry[]} */
    const bar = this.#layout.offsetParent
      ? []
      : [
          { id: 'layout', label: t('menus.layout'), icon: 'layout', event: 'aq-open-menu', detail: { name: 'layout', anchor: controls.anchorOf('more') } },
          ...(leftOut('settings') ? [] : [/** @type {import('./menu.js').Entry} */ ({ id: 'settings', label: t('call.settings'), icon: 'settings', event: 'aq-settings' })]),
        ];
    return this.#menuOf(name, this.model, [...controls.withoutRoom, ...bar]);
  }

  /** Shows the keys, or takes them away. */
  async toggleKeys() {
    if (!this.#sheet) {
      const { AqKeySheet } = await import('./keysheet.js');
      if (this.#sheet || !this.isConnected) return;
      this.#sheet = new AqKeySheet();
      this.append(this.#sheet);
      this.#sheet.model = { shortcuts: this.model?.shortcuts ?? true };
    }
    this.#sheet.toggle();
  }

  #wake() {
    if (!this.model?.arrangement.maximized) return;
    setAttribute(this, 'data-awake', true);
    clearTimeout(this.#sleep);
    this.#sleep = setTimeout(() => setAttribute(this, 'data-awake', false), AWAKE_MS);
  }

  /** @param {Panel} panel */
  #showPanel(panel) {
    if (panel === this.#shownPanel) return;
    const back = this.#shownPanel;
    this.#shownPanel = panel;
    this.#panel.hidden = panel === null;
    this.#chat.hidden = panel !== 'chat';
    if (this.#parts) this.#parts.people.hidden = panel !== 'people';
    setAttribute(this, 'data-panel', panel);
    if (panel === 'chat') {
      setText(this.#panelTitle, t('chat.title'));
      this.#chat.scrollToEnd();
      this.#chat.focusInput();
    } else if (panel === 'people') {
      setText(this.#panelTitle, t('people.title'));
      this.#panelClose.focus();
    } else if (back) {
      /** @type {HTMLElement|null} */ (this.#footer.querySelector(`[data-testid="${back}-button"]`))?.focus();
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

function fetchLater() {
  for (const wanted of [import('./menu.js'), import('./menus.js'), import('./keysheet.js')]) wanted.catch(() => undefined);
}

customElements.define('aq-call', AqCall);
