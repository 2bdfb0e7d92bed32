/** The chat: what was written, and a field to write. */

import { t } from '../i18n/i18n.js';
import { chatKey } from '../protocol/roomstate.js';
import { AqElement, h } from './element.js';
import { icon } from './icons.js';
import { chatTime, continues, linkify } from './text.js';

/** @typedef {import('../protocol/messages.js').ChatMessage} ChatMessage */
/**
 * @typedef {object} ChatModel
 * @property {readonly ChatMessage[]} chat
 * @property {readonly string[]} pending
 * @property {string} peerId
 * @property {boolean} may      writing is permitted
 */

/** The server counts characters; so do we. */
const LONGEST = 4096;
/** How far from the end still counts as reading the newest. */
const NEAR_END_PX = 80;

/** @extends {AqElement<ChatModel>} */
export class AqChat extends AqElement {
  #list = h('ol', { class: 'chat-items', 'data-testid': 'chat-list' });
  #scroll = h('div', { class: 'chat-scroll', tabindex: 0, role: 'log', 'aria-label': t('chat.messages') }, this.#list);
  #empty = h('p', { class: 'chat-empty' }, t('chat.empty'));
  #input = h('textarea', {
    rows: 1,
    'aria-label': t('chat.input'),
    placeholder: t('chat.placeholder'),
    'data-testid': 'chat-input',
    enterkeyhint: 'send',
    autocomplete: 'off',
  });
  #send = h('button', { type: 'submit', class: 'control accent', 'aria-label': t('chat.send'), title: t('chat.send'), 'data-testid': 'chat-send' }, icon('send'));
  #note = h('p', { class: 'chat-note', role: 'status' });
  #form = h('form', { class: 'chat-form', 'data-testid': 'chat-form' }, this.#note, this.#input, this.#send);
  /** @type {readonly ChatMessage[]|null} */
  #chat = null;
  /** @type {readonly string[]|null} */
  #waiting = null;
  /** @type {ChatMessage[]} */
  #shown = [];
  /** @type {HTMLElement[]} */
  #pending = [];

  /** @override */
  build() {
    this.append(this.#empty, this.#scroll, this.#form);
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
    this.#input.addEventListener(
      'keydown',
      (event) => {
        // Enter while an input method is composing chooses a word.
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        this.#submit();
      },
      { signal },
    );
    this.#input.addEventListener('input', () => this.#typed(), { signal });
  }

  /** @override @param {ChatModel} model */
  render({ chat, pending, peerId, may }) {
    const same = chat === this.#chat && pending === this.#waiting;
    // Asking where the list is scrolled to makes the browser lay out the page: not without need.
    const atEnd = !same && !this.hidden && this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < NEAR_END_PX;
    if (!same) {
      this.#sync(chat, peerId);
      this.#showPending(pending);
      this.#chat = chat;
      this.#waiting = pending;
    }
    this.#empty.hidden = this.#shown.length + pending.length > 0;
    this.#scroll.hidden = !this.#empty.hidden;
    this.#form.hidden = !may;
    if (atEnd) this.scrollToEnd();
  }

  /** Shows the newest message. */
  scrollToEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  focusInput() {
    this.#input.focus();
  }

  /** What is typed and not sent. @returns {string} */
  get draft() {
    return this.#input.value;
  }

  set draft(text) {
    this.#input.value = text;
    this.#typed();
  }

  /** @param {readonly ChatMessage[]} chat @param {string} peerId */
  #sync(chat, peerId) {
    const first = this.#shown[0];
    if (first && (!chat[0] || chatKey(chat[0]) !== chatKey(first))) {
      // Old messages were let go, or it is another room: begin again.
      this.#shown = [];
      this.#pending = [];
      this.#list.replaceChildren();
    }
    const fresh = chat.slice(this.#shown.length);
    for (const message of fresh) {
      const item = messageItem(message, this.#shown.at(-1), peerId);
      this.#list.insertBefore(item, this.#pending[0] ?? null);
      this.#shown.push(message);
    }
  }

  /** @param {readonly string[]} pending */
  #showPending(pending) {
    for (const item of this.#pending) item.remove();
    this.#pending = pending.map((text) =>
      h('li', { class: 'message pending', 'data-testid': 'chat-pending' }, h('p', { class: 'message-text' }, text), h('span', { class: 'message-time' }, t('chat.sending'))),
    );
    this.#list.append(...this.#pending);
  }

  #submit() {
    const text = this.#input.value.trim();
    if (text === '' || [...text].length > LONGEST) return;
    this.emit('aq-chat', text);
    this.#input.value = '';
    this.#typed();
    this.scrollToEnd();
    this.#input.focus();
  }

  #typed() {
    const length = [...this.#input.value.trim()].length;
    const over = length - LONGEST;
    this.#note.textContent = over > 0 ? t('chat.too-long', { n: over }) : length > LONGEST - 200 ? t('chat.left', { n: -over }) : '';
    this.#send.disabled = over > 0;
    this.#input.style.height = 'auto';
    this.#input.style.height = `${Math.min(this.#input.scrollHeight + 2, 140)}px`;
  }
}

/**
 * @param {ChatMessage} message
 * @param {ChatMessage|undefined} before
 * @param {string} peerId our own
 */
function messageItem(message, before, peerId) {
  const own = message.from === peerId;
  const text = h('p', { class: 'message-text', dir: 'auto' });
  for (const piece of linkify(message.message)) {
    text.append(piece.href ? h('a', { href: piece.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, piece.text) : piece.text);
  }
  const joined = continues(before, message);
  const time = h('time', { class: 'message-time', datetime: message.timestamp }, chatTime(message));
  const head = h(
    'div',
    { class: joined ? 'message-head sr-only' : 'message-head' },
    h('span', { class: 'message-name', 'data-testid': 'chat-author', dir: 'auto' }, own ? t('common.you', { name: message.username }) : message.username),
    time,
  );
  return h(
    'li',
    { class: `message${own ? ' own' : ''}${joined ? ' joined' : ''}`, 'data-testid': 'chat-message', 'data-id': message.id, 'data-from': message.from },
    head,
    text,
  );
}

customElements.define('aq-chat', AqChat);
