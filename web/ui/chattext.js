/** What a message says, and when it was said: links, times, days. Pure. */

import { time } from '../i18n/format.js';

/** @typedef {{text: string, href?: string}} Piece */

// A link ends before white space, quotes and angle brackets. Only http, https and mailto are ever made clickable.
const LINK = /\b(?:https?:\/\/|mailto:)[^\s<>"'`]+|\b[\w.+-]+@[a-z\d-]+(?:\.[a-z\d-]+)+/giu;
/** What stands before an address that is part of something else. */
const GLUED = /[\w.+\-/:@?=&%#]$/u;

/**
 * Cuts a text into plain pieces and links.
 *
 * @param {string} text
 * @returns {Piece[]}
 */
export function linkify(text) {
  /** @type {Piece[]} */
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const candidate = trimLink(match[0]);
    const address = !/^(?:https?:\/\/|mailto:)/i.test(candidate);
    if (address && GLUED.test(text.slice(0, match.index))) continue;
    const href = safeUrl(address ? `mailto:${candidate}` : candidate);
    if (!href) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: candidate, href });
    end = match.index + candidate.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/** Drops what ends the sentence, not the link; a closing bracket stays if it was opened inside. @param {string} link */
function trimLink(link) {
  let result = link;
  for (;;) {
    const last = result.at(-1) ?? '';
    const opening = { ')': '(', ']': '[', '}': '{' }[last];
    const unbalanced = opening !== undefined && result.split(last).length > result.split(opening).length;
    if (!unbalanced && !'.,;:!?…*_'.includes(last)) return result;
    result = result.slice(0, -1);
  }
}

/** @param {string} text @returns {string|null} */
function safeUrl(text) {
  try {
    const url = new URL(text);
    if (url.protocol === 'mailto:') return /^[^@]+@[^@]+$/.test(url.pathname) ? url.href : null;
    const plain = url.protocol === 'http:' || url.protocol === 'https:';
    // "https://bank.example@evil.example" looks like what it is not.
    return plain && url.username === '' && url.password === '' ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * The time of a chat message on this person's clock.
 *
 * @param {{timestamp: string, time: string}} message
 * @returns {string}
 */
export function chatTime(message) {
  const date = new Date(message.timestamp);
  return Number.isNaN(date.getTime()) ? message.time.slice(0, 5) : time(date);
}

/**
 * Whether a message stands under the name of the one before it: said soon after
 * it, by the same person to the same people.
 *
 * @param {{from: string, to: string, username: string, timestamp: string}|undefined} before
 * @param {{from: string, to: string, username: string, timestamp: string}} message
 * @returns {boolean}
 */
export function continues(before, message) {
  if (!before || before.from !== message.from || before.to !== message.to || before.username !== message.username) return false;
  if (startsDay(before, message)) return false;
  const apart = Date.parse(message.timestamp) - Date.parse(before.timestamp);
  return !(apart > 5 * 60 * 1000);
}

/**
 * Whether a message is the first of its day.
 *
 * @param {{timestamp: string}|undefined} before
 * @param {{timestamp: string}} message
 * @returns {boolean}
 */
export function startsDay(before, message) {
  const at = new Date(message.timestamp);
  return !Number.isNaN(at.getTime()) && (!before || new Date(before.timestamp).toDateString() !== at.toDateString());
}
