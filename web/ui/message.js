/** One message of the chat, and what stands between messages. */

import { relativeDay } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { h } from './element.js';
import { icon } from './icons.js';
import { chatTime, continues, linkify } from './chattext.js';
import { mentions } from './text.js';

/** @typedef {import('../protocol/messages.js').ChatMessage} ChatMessage */
/** `names` by peer id, also of those who are gone. @typedef {{peerId: string, username: string, names: ReadonlyMap<string, string>}} Reader */

/**
 * @param {ChatMessage} message
 * @param {ChatMessage|undefined} before
 * @param {Reader} reader
 * @returns {HTMLLIElement}
 */
export function messageItem(message, before, reader) {
  const own = message.from === reader.peerId;
  const joined = continues(before, message);
  const mentioned = !own && mentions(message.message, reader.username, [...reader.names.values()]);
  const classes = ['message', own && 'own', joined && 'joined', message.to !== '' && 'private', mentioned && 'mentioned'];
  return h(
    'li',
    { class: classes.filter(Boolean).join(' '), tabindex: -1, 'data-testid': 'chat-message', 'data-id': message.id, 'data-from': message.from, 'data-to': message.to || null, 'data-mentioned': mentioned },
    head(message, before, joined, own, mentioned, reader),
    textOf(message.message),
    tools(message, own),
  );
}

/**
 * A name once, and the time once a minute.
 *
 * @param {ChatMessage} message
 * @param {ChatMessage|undefined} before
 * @param {boolean} joined
 * @param {boolean} own
 * @param {boolean} mentioned
 * @param {Reader} reader
 */
function head(message, before, joined, own, mentioned, { names }) {
  const time = chatTime(message);
  const sameTime = joined && before !== undefined && chatTime(before) === time;
  const name = h('span', { class: joined ? 'message-name sr-only' : 'message-name', 'data-testid': 'chat-author', dir: 'auto' }, own ? t('common.you', { name: message.username }) : message.username);
  const head = h('div', { class: sameTime ? 'message-head sr-only' : 'message-head' }, name);
  if (message.to !== '') {
    const to = names.get(message.to);
    const words = !own ? t('chat.only-you') : to ? t('chat.only-them', { name: to }) : t('chat.private');
    head.append(h('span', { class: joined ? 'message-private sr-only' : 'message-private', 'data-testid': 'chat-private' }, icon('lock'), words));
  }
  if (mentioned) head.append(h('span', { class: 'sr-only' }, t('chat.mentions-you')));
  head.append(h('time', { class: 'message-time', datetime: message.timestamp }, time));
  return head;
}

/** Text nodes and links, nothing else. @param {string} message */
function textOf(message) {
  const text = h('p', { class: 'message-text', dir: 'auto' });
  for (const piece of linkify(message)) {
    text.append(piece.href ? h('a', { href: piece.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, piece.text) : piece.text);
  }
  return text;
}

/** @param {ChatMessage} message @param {boolean} own */
function tools(message, own) {
  const tool = (/** @type {'copy'|'reply'} */ name, /** @type {string} */ label) =>
    h('button', { type: 'button', class: 'round small', tabindex: -1, 'aria-label': label, title: label, 'data-tool': name, 'data-testid': `chat-${name}` }, icon(name));
  return h('div', { class: 'message-tools' }, own ? null : tool('reply', t('chat.reply', { name: message.username })), tool('copy', t('chat.copy')));
}

/** @param {string} timestamp @param {Date} now @returns {HTMLLIElement} */
export function dayItem(timestamp, now) {
  return h('li', { class: 'chat-day', 'data-testid': 'chat-day' }, h('span', {}, relativeDay(new Date(timestamp), now)));
}

/** @returns {HTMLLIElement} what stands before the first message that was not read */
export function unreadItem() {
  return h('li', { class: 'chat-day chat-new', 'data-testid': 'chat-new' }, h('span', {}, t('chat.new')));
}
