/** What several forms say in the same way. */

import { list } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { h, setAttribute, setText } from './element.js';

/**
 * What is said below a field, and whether something is wrong with it.
 *
 * @param {HTMLInputElement} input
 * @param {HTMLElement} element
 * @param {string} error
 * @param {string} info
 */
export function note(input, element, error, info) {
  setAttribute(input, 'aria-invalid', error ? 'true' : null);
  element.classList.toggle('error', error !== '');
  setText(element, error || info);
}

/**
 * Who is inside already; names only where the server tells them.
 *
 * @param {{people: number, names: readonly string[]}} inside
 * @returns {string} for example "Ann, Bob, and 3 others are inside."
 */
export function insideText({ people, names }) {
  if (people === 0) return t('join.nobody-inside');
  if (names.length === 0) return t('join.inside', { n: people });
  const shown = people <= 3 ? names : names.slice(0, 2);
  const others = people - shown.length;
  const all = others > 0 ? [...shown, t('notice.others', { n: others })] : shown;
  return t('join.inside-names', { n: people, names: list(all) });
}

/** @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * Loads a style sheet that the first page does without.
 *
 * @param {string} file
 * @returns {Promise<void>}  also where it cannot be loaded: words without style are better than none
 */
export function loadStyle(file) {
  const loaded = styles.get(file) ?? new Promise((resolve) => {
    const link = h('link', { rel: 'stylesheet', href: new URL(`../styles/${file}`, import.meta.url).href });
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => resolve());
    document.head.append(link);
  });
  styles.set(file, loaded);
  return loaded;
}

/**
 * How to allow the devices in this browser, in words and a picture; loaded when
 * somebody needs it.
 *
 * @param {HTMLElement} place
 * @param {boolean} wanted
 */
export async function showHelp(place, wanted) {
  place.hidden = !wanted;
  if (!wanted || place.dataset.help) return;
  place.dataset.help = 'asked';
  const [{ AqPermissionHelp }] = await Promise.all([import('./permissionhelp.js'), loadStyle('help.css')]);
  place.append(new AqPermissionHelp());
}
