/** What was written, and a field to write. Loaded when a call begins: joining does without. */

import { t } from '../i18n/i18n.js';
import { chatKey } from '../protocol/roomstate.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { FileDrop } from './filedrop.js';
import { dayItem, messageItem, unreadItem } from './message.js';
import { AqRecipient } from './recipient.js';
import { startsDay } from './chattext.js';
import { AqTransfer } from './transfer.js';

/** @typedef {import('../protocol/messages.js').ChatMessage} ChatMessage */
/** @typedef {import('../protocol/pendingchat.js').Pending} Pending */
/** @typedef {import('../media/filechannel.js').Transfer} Transfer */
/** @typedef {import('./chat.js').ChatModel} ChatModel */

/** The server counts characters; so do we. */
const LONGEST = 4096;
/** How far from the end still counts as reading the newest. */
const NEAR_END_PX = 80;

/** @extends {AqElement<ChatModel>} */
export class AqConversation extends AqElement {
  #list = h('ol', { class: 'chat-items', 'data-testid': 'chat-list' });
  #scroll = h('div', { class: 'chat-scroll', tabindex: 0, role: 'log', 'aria-label': t('chat.messages') }, this.#list);
  #empty = h('p', { class: 'chat-empty' }, t('chat.empty'));
  #newer = h('button', { type: 'button', class: 'button small chat-newer', 'data-testid': 'chat-newer', hidden: true }, t('chat.newer'));
  #input = h('textarea', {
    rows: 1,
    'aria-label': t('chat.input'),
    'aria-autocomplete': 'list',
    placeholder: t('chat.placeholder'),
    'data-testid': 'chat-input',
    enterkeyhint: 'send',
    autocomplete: 'off',
  });
  #send = h('button', { type: 'submit', class: 'control accent', 'aria-label': t('chat.send'), title: t('chat.send'), 'data-testid': 'chat-send' }, icon('send'));
  #note = h('p', { class: 'chat-note', role: 'status', 'data-testid': 'chat-note' });
  #recipient = new AqRecipient();
  #files = new FileDrop((files) => this.#offer(files));
  #form = h('form', { class: 'chat-form', 'data-testid': 'chat-form' }, this.#note, h('div', { class: 'chat-for' }, this.#recipient, h('span', { class: 'spring' }), this.#files.button), this.#input, this.#send);
  /** By their keys. @type {Map<string, AqTransfer>} */
  #transfers = new Map();
  /** @type {readonly Transfer[]|null} */
  #offered = null;
  /** @type {readonly ChatMessage[]|null} */
  #chat = null;
  /** What was shown of what waits for its echo. @type {readonly unknown[]} */
  #waiting = [];
  /** @type {ChatMessage[]} */
  #shown = [];
  /** @type {HTMLElement[]} */
  #pending = [];
  /** By peer id; those who are gone have written things too. @type {Map<string, string>} */
  #names = new Map();
  /** Before the first message that came while nobody looked. @type {HTMLElement|null} */
  #unread = null;
  #unreadSeen = false;
  /** @type {import('./mention.js').AqMention|null} */
  #mention = null;

  /** @override */
  build() {
    this.append(this.#empty, this.#scroll, this.#newer, this.#form, this.#files.input, this.#files.veil);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#form.addEventListener(
      'submit',
      (event) => {
        event.preventDefault();
        this.#submit();
      },
      { signal },
    );
    this.#input.addEventListener('keydown', (event) => this.#keyed(event), { signal });
    this.#input.addEventListener('input', () => this.#typed(), { signal });
    this.#recipient.addEventListener('aq-recipient', () => this.#typed(), { signal });
    this.#files.listen(this, this.#input, signal);
    this.#newer.addEventListener('click', () => this.#toEnd(), { signal });
    this.#scroll.addEventListener('scroll', () => this.#atEnd() && (this.#newer.hidden = true), { signal, passive: true });
    this.#scroll.addEventListener('keydown', (event) => this.#walk(event), { signal });
    this.#list.addEventListener('click', (event) => this.#useTool(event), { signal });
    // A picture is as high as it is only once it is loaded.
    this.#list.addEventListener('load', (event) => this.#atEnd(/** @type {HTMLElement} */ (event.target).offsetHeight) && this.#toEnd(), { signal, capture: true });
    this.#list.addEventListener('focusin', (event) => this.#reach(event), { signal });
  }

  /** @override @param {ChatModel} model */
  render({ chat, pending, pendingPrivate, peerId, people, may, files, fileLimit }) {
    for (const person of people) this.#names.set(person.peerId, person.name);
    const sameWaiting = pending === this.#waiting[0] && pendingPrivate === this.#waiting[1];
    const same = chat === this.#chat && sameWaiting && files === this.#offered;
    // Asking where the list is scrolled to makes the browser lay out the page: not without need.
    const looking = !this.closest('[hidden]') && !document.hidden;
    const atEnd = !same && looking && this.#atEnd();
    if (looking) this.#unreadSeen = true;
    if (!same) {
      this.#sync(chat, { peerId, username: this.#names.get(peerId) ?? '', names: this.#names }, looking);
      this.#showFiles(files, fileLimit, looking);
      if (!sameWaiting) this.#showPending([...pending.map((text) => ({ text, to: '' })), ...pendingPrivate]);
      this.#chat = chat;
      this.#waiting = [pending, pendingPrivate];
    }
    this.#files.allowed = may && fileLimit > 0 && people.length > 1;
    this.#recipient.model = { people };
    this.#empty.hidden = this.#list.children.length > 0;
    this.#scroll.hidden = !this.#empty.hidden;
    this.#form.hidden = !may;
    if (atEnd) this.#toEnd();
  }

  /** Shows the newest message, or where reading stopped. */
  scrollToEnd() {
    if (this.#unread && !this.#unreadSeen) this.#scroll.scrollTop = this.#unread.offsetTop - this.#scroll.offsetTop - 8;
    else this.#toEnd();
    this.#unreadSeen = true;
  }

  focusInput() {
    this.#input.focus();
  }

  /** What is typed and not sent, and for whom. @returns {Pending} */
  get draft() {
    return { text: this.#input.value, to: this.#recipient.value };
  }

  set draft({ text, to }) {
    this.#input.value = text;
    this.#recipient.value = to;
    this.#typed();
  }

  /** @param {number} [grown]  what has become higher since */
  #atEnd(grown = 0) {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < NEAR_END_PX + grown;
  }

  #toEnd() {
    this.#newer.hidden = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** @param {readonly ChatMessage[]} chat @param {import('./message.js').Reader} reader @param {boolean} looking */
  #sync(chat, reader, looking) {
    const first = this.#shown[0];
    const anew = this.#chat === null || (first && (!chat[0] || chatKey(chat[0]) !== chatKey(first)));
    if (anew) {
      // Old messages were let go, or it is another room: begin again.
      this.#shown = [];
      this.#pending = [];
      this.#unread = null;
      this.#list.replaceChildren();
      this.#transfers.clear();
    }
    const end = this.#pending[0] ?? null;
    for (const message of chat.slice(this.#shown.length)) {
      const before = this.#shown.at(-1);
      if (startsDay(before, message) && (before || new Date(message.timestamp).toDateString() !== new Date().toDateString())) this.#list.insertBefore(dayItem(message.timestamp, new Date()), end);
      const others = !anew && message.from !== reader.peerId;
      if (others && !looking) this.#markUnread(end);
      if (others && looking && !this.#atEnd()) this.#newer.hidden = false;
      this.#list.insertBefore(messageItem(message, before, reader), end);
      this.#names.set(message.from, message.username);
      this.#shown.push(message);
    }
  }

  /** @param {HTMLElement|null} end */
  #markUnread(end) {
    if (this.#unread && !this.#unreadSeen) return;
    this.#unread?.remove();
    this.#unread = unreadItem();
    this.#unreadSeen = false;
    this.#list.insertBefore(this.#unread, end);
  }

  /** Each where it was when it came. @param {readonly Transfer[]} files @param {number} limit @param {boolean} looking */
  #showFiles(files, limit, looking) {
    const end = this.#pending[0] ?? null;
    for (const transfer of files) {
      let element = this.#transfers.get(transfer.key);
      if (!element) {
        element = new AqTransfer();
        this.#transfers.set(transfer.key, element);
        if (!transfer.mine && !looking && this.#offered) this.#markUnread(end);
        this.#list.insertBefore(h('li', { class: `message${transfer.mine ? ' own' : ''}${transfer.to === '' ? '' : ' private'}` }, element), end);
      }
      element.model = { transfer, names: this.#names, limit };
    }
    for (const [key, element] of this.#transfers) {
      if (files.some((transfer) => transfer.key === key)) continue;
      element.closest('li')?.remove();
      this.#transfers.delete(key);
    }
    this.#offered = files;
  }

  /** @param {File[]} files */
  #offer(files) {
    if (this.#recipient.gone) return;
    for (const file of files) this.emit('aq-file-offer', { file, to: this.#recipient.value });
    this.#toEnd();
    this.#input.focus();
  }

  /** @param {readonly Pending[]} pending */
  #showPending(pending) {
    for (const item of this.#pending) item.remove();
    this.#pending = pending.map(({ text, to }) =>
      h('li', { class: to === '' ? 'message own pending' : 'message own private pending', 'data-testid': 'chat-pending' }, h('p', { class: 'message-text', dir: 'auto' }, text), h('span', { class: 'message-time' }, t('chat.sending'))),
    );
    this.#list.append(...this.#pending);
  }

  #submit() {
    const text = this.#input.value.trim();
    if (text === '' || this.#send.disabled) return;
    const to = this.#recipient.value;
    if (to === '') this.emit('aq-chat', text);
    else this.emit('aq-chat-private', { text, to });
    this.#input.value = '';
    this.#unread?.remove();
    this.#unread = null;
    this.#typed();
    this.#toEnd();
    this.#input.focus();
  }

  /** @param {KeyboardEvent} event */
  #keyed(event) {
    if (this.#mention?.key(event)) return;
    // Enter while an input method is composing chooses a word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  #typed() {
    const over = [...this.#input.value.trim()].length - LONGEST;
    const gone = this.#recipient.gone;
    const left = over > 0 ? t('chat.too-long', { n: over }) : over > -200 ? t('chat.left', { n: -over }) : '';
    const name = this.#names.get(this.#recipient.value) ?? '';
    setText(this.#note, gone ? t('chat.gone', { name }) : left || (this.#recipient.value === '' ? '' : t('chat.only-reads', { name })));
    setAttribute(this.#form, 'data-private', this.#recipient.value !== '');
    this.#send.disabled = over > 0 || gone;
    this.#input.style.height = 'auto';
    this.#input.style.height = `${Math.min(this.#input.scrollHeight + 2, 140)}px`;
    this.#suggest();
  }

  async #suggest() {
    if (!this.#mention) {
      if (!this.#input.value.includes('@')) return;
      const { AqMention } = await import('./mention.js');
      if (!this.#mention) this.#form.prepend((this.#mention = new AqMention(this.#input)));
    }
    this.#mention.update((this.model?.people ?? []).filter((person) => !person.self).map((person) => person.name));
  }

  /** Messages are walked through with the arrows; each then lends its buttons to the Tab key. @param {KeyboardEvent} event */
  #walk(event) {
    const items = /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll('[data-testid="chat-message"]')]);
    const at = items.findIndex((item) => item.contains(document.activeElement));
    const to = { ArrowUp: at < 0 ? items.length - 1 : at - 1, ArrowDown: at + 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined || !items[to]) return;
    event.preventDefault();
    items[to].focus();
  }

  /** @param {FocusEvent} event */
  #reach(event) {
    const item = /** @type {Element} */ (event.target).closest('.message');
    for (const tool of this.#list.querySelectorAll('[data-tool][tabindex="0"]')) tool.setAttribute('tabindex', '-1');
    for (const tool of item?.querySelectorAll('[data-tool]') ?? []) tool.setAttribute('tabindex', '0');
  }

  /** @param {MouseEvent} event */
  #useTool(event) {
    const button = /** @type {Element} */ (event.target).closest('[data-tool]');
    const item = button?.closest('.message');
    const message = item && this.#shown.find((m) => m.id === item.getAttribute('data-id') && m.from === item.getAttribute('data-from'));
    if (!button || !message) return;
    if (button.getAttribute('data-tool') === 'copy') {
      this.emit('aq-copy-text', message.message);
      return;
    }
    this.#recipient.value = message.from;
    this.#typed();
    this.#input.focus();
  }
}

customElements.define('aq-conversation', AqConversation);
