/** Words for what the server answers, and for how a visit ended. Pure. */

import { hasText, t } from '../i18n/i18n.js';

/** @typedef {import('../protocol/ending.js').Ending} Ending */

/**
 * What the server objects to.
 *
 * @param {string} code
 * @param {string} message  the server's own words, in English, for codes that are newer than this page
 * @returns {string}
 */
export function errorText(code, message) {
  const key = `error.${code}`;
  return hasText(key) ? t(key) : sentence(message);
}

/** Codes that mean the same to a person. @type {Record<string, string>} */
const SAME = { too_many_rooms: 'server_full' };

/**
 * @param {Ending} ending
 * @returns {{title: string, text: string}}
 */
export function endingText({ code, refused, message, closeCode }) {
  const name = SAME[code] ?? code;
  const title = `ending.${name}.title`;
  if (!hasText(title)) return { title: t('ending.other.title'), text: errorText(code, message) || t('ending.other.text') };
  if (name === 'removed' && refused) return { title: t(title), text: t('ending.removed.before') };
  const text = `ending.${name}.text`;
  return { title: t(title), text: hasText(text) ? t(text, { code: String(closeCode) }) : '' };
}

/**
 * Makes a server's lower-case reason a sentence.
 *
 * @param {string} text
 * @returns {string}
 */
export function sentence(text) {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  const capital = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : capital + '.';
}
