/** The place of the chat: conversation.js fills it, which is loaded when a call begins. */

import { AqElement } from './element.js';
import { loadStyle } from './parts.js';

/** @typedef {import('../protocol/pendingchat.js').Pending} ChatDraft */
/** @typedef {{peerId: string, name: string, self: boolean}} Person */
/**
 * @typedef {object} Talk   what else there is to the chat than messages to all
 * @property {readonly ChatDraft[]} pendingPrivate
 * @property {readonly import('../media/filechannel.js').Transfer[]} files
 * @property {number} fileLimit   bytes; 0: no files
 */
/**
 * @typedef {object} RoomChat
 * @property {readonly import('../protocol/messages.js').ChatMessage[]} chat
 * @property {readonly string[]} pending   to the room
 * @property {string} peerId
 * @property {readonly Person[]} people   in the room, ourselves among them
 * @property {boolean} may      writing is permitted
 */
/** @typedef {RoomChat & Talk} ChatModel */

/** @extends {AqElement<ChatModel>} */
export class AqChat extends AqElement {
  /** @type {import('./conversation.js').AqConversation|null} */
  #conversation = null;
  /** @type {Promise<void>|null} */
  #loading = null;
  /** What was to be done before it was there. @type {ChatDraft} */
  #draft = { text: '', to: '' };
  #focus = false;

  /** @override @param {ChatModel} model */
  render(model) {
    if (this.#conversation) this.#conversation.model = model;
    else this.#loading ??= this.#load().catch(() => void (this.#loading = null));
  }

  async #load() {
    const [{ AqConversation }] = await Promise.all([import('./conversation.js'), loadStyle('chat.css')]);
    this.#conversation = new AqConversation();
    this.#conversation.model = this.model;
    this.append(this.#conversation);
    this.#conversation.draft = this.#draft;
    if (this.#focus) this.focusInput();
    this.scrollToEnd();
  }

  /** Shows the newest message, or where reading stopped. */
  scrollToEnd() {
    this.#conversation?.scrollToEnd();
  }

  focusInput() {
    this.#focus = this.#conversation === null;
    this.#conversation?.focusInput();
  }

  /** What is typed and not sent. @returns {ChatDraft} */
  get draft() {
    return this.#conversation?.draft ?? this.#draft;
  }

  set draft(draft) {
    this.#draft = draft;
    if (this.#conversation) this.#conversation.draft = draft;
  }
}

customElements.define('aq-chat', AqChat);
