/** Text for people: links, times, initials. Pure. */

/** @typedef {{text: string, href?: string}} Piece */

// A link ends before white space, quotes and angle brackets. Only http and https are ever made clickable.
const LINK = /\bhttps?:\/\/[^\s<>"'`]+/giu;

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
    const href = safeUrl(candidate);
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
 * @param {Intl.DateTimeFormat} [format]
 * @returns {string}
 */
export function chatTime(message, format = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })) {
  const date = new Date(message.timestamp);
  return Number.isNaN(date.getTime()) ? message.time.slice(0, 5) : format.format(date);
}

/**
 * Whether a message stands under the name of the one before it.
 *
 * @param {{from: string, username: string, timestamp: string}|undefined} before
 * @param {{from: string, username: string, timestamp: string}} message
 * @returns {boolean}
 */
export function continues(before, message) {
  if (!before || before.from !== message.from || before.username !== message.username) return false;
  const apart = Date.parse(message.timestamp) - Date.parse(before.timestamp);
  return !(apart > 5 * 60 * 1000);
}

/**
 * @param {number|null} bitsPerSecond
 * @returns {string}
 */
export function rate(bitsPerSecond) {
  if (bitsPerSecond === null) return '–';
  return bitsPerSecond >= 1e6 ? `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/**
 * @param {readonly string[]} names
 * @param {string} verb
 * @returns {string} for example "Ann and Bob joined", "Ann, Bob and 3 others joined"
 */
export function namesDid(names, verb) {
  if (names.length <= 1) return `${names[0] ?? 'Somebody'} ${verb}`;
  if (names.length === 2) return `${names[0]} and ${names[1]} ${verb}`;
  const others = names.length - 2;
  return `${names[0]}, ${names[1]} and ${others} ${others === 1 ? 'other' : 'others'} ${verb}`;
}

/** A shorter absence is not worth a figure. */
const WORTH_TELLING_MS = 5000;

/**
 * @param {'call'|'media'} what  what was gone
 * @param {number} awayMs
 * @returns {string} for example "You are back. You were away for 12 seconds."
 */
export function backText(what, awayMs) {
  if (what === 'media') return 'Sound and picture are back';
  if (awayMs <= WORTH_TELLING_MS) return 'You are back';
  const seconds = Math.round(awayMs / 1000);
  const minutes = Math.round(seconds / 60);
  return `You are back. You were away for ${seconds < 90 ? `${seconds} seconds` : `${minutes} minutes`}.`;
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
  if (paused === 'bandwidth') return 'Paused to keep the sound';
  if (paused === 'codec') return 'This browser cannot show this picture';
  if (!stalled) return '';
  if (repairing) return 'Reconnecting…';
  return source === 'screen' ? 'Not moving' : 'Picture frozen';
}
