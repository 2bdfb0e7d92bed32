/** Text for people: names, initials, how things are. Pure. */

import { list } from '../i18n/format.js';
import { hasText, t } from '../i18n/i18n.js';

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

/** Who is worse off than this has a mark. */
const MARKED_SCORE = 3;

/**
 * Whether a person's network is worth a mark. Who is lost has another one.
 *
 * @param {{quality: number, lost: boolean}} person
 */
export function isPoor({ quality, lost }) {
  return !lost && quality > 0 && quality <= MARKED_SCORE;
}
