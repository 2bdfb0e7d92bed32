/** Text for people: links, times, initials. Pure. */

import { list, time } from '../i18n/format.js';
import { hasText, t } from '../i18n/i18n.js';

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
 * @param {string} name
 * @returns {string} one or two letters
 */
export function initials(name) {
  const all = name.trim().split(/[\s._-]+/u).filter(Boolean);
  const named = all.filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const words = named.length > 0 ? named : all;
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join('') || '?';
}

/**
 * The same person gets the same colour everywhere.
 *
 * @param {string} text
 * @returns {number} 0 to 7
 */
export function hueOf(text) {
  let hash = 0;
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % 8;
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

/**
 * Whether a text speaks to somebody: "@Ann", but not "@Anna", and not "@Ann Lee"
 * where somebody else is called that.
 *
 * @param {string} text
 * @param {string} name
 * @param {readonly string[]} names  of all
 * @returns {boolean}
 */
export function mentions(text, name, names) {
  if (name === '') return false;
  const lower = text.toLowerCase();
  const longer = names.map((other) => other.toLowerCase()).filter((other) => other.length > name.length && other.startsWith(name.toLowerCase()));
  for (let at = lower.indexOf(`@${name.toLowerCase()}`); at >= 0; at = lower.indexOf(`@${name.toLowerCase()}`, at + 1)) {
    const rest = lower.slice(at + 1);
    if (!/^[\p{L}\p{N}]/u.test(rest.slice(name.length)) && !longer.some((other) => rest.startsWith(other))) return true;
  }
  return false;
}

/**
 * @param {readonly string[]} names
 * @param {'joined'|'left'} what
 * @returns {string} for example "Ann and Bob joined", "Ann, Bob, and 3 others joined"
 */
export function namesDid(names, what) {
  const shown = names.length <= 2 ? names : [...names.slice(0, 2), t('notice.others', { n: names.length - 2 })];
  return t(`notice.${what}`, { n: names.length, names: list(shown) });
}

/** A shorter absence is not worth a figure. */
const WORTH_TELLING_MS = 5000;

/**
 * @param {'call'|'media'} what  what was gone
 * @param {number} awayMs
 * @returns {string} for example "You are back. You were away for 12 seconds."
 */
export function backText(what, awayMs) {
  if (what === 'media') return t('back.media');
  if (awayMs <= WORTH_TELLING_MS) return t('back.call');
  const seconds = Math.round(awayMs / 1000);
  return seconds < 90 ? t('back.seconds', { n: seconds }) : t('back.minutes', { n: Math.round(seconds / 60) });
}

/**
 * What lies on a picture that does not move, beside the mark of a person whose
 * connection is lost, which wins.
 *
 * @param {{source: 'camera'|'screen', lost: boolean, repairing: boolean, paused: string|null}} tile
 * @param {boolean} stalled
 * @returns {string} empty: nothing
 */
export function markText({ source, lost, repairing, paused }, stalled) {
  if (lost) return '';
  if (paused === 'bandwidth') return t('tile.paused-bandwidth');
  if (paused === 'codec') return t('tile.paused-codec');
  if (!stalled) return '';
  if (repairing) return t('tile.reconnecting');
  return source === 'screen' ? t('tile.screen-still') : t('tile.frozen');
}

/** @param {number} score  of a connection: 1 to 5; 0: unknown @returns {string} */
export function qualityText(score) {
  const key = `quality.${score}`;
  return hasText(key) ? t(key) : t('quality.0');
}
