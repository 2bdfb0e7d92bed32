/** What stands on the root element for style sheets and screen readers: colours, language and direction. */

import { directionOf } from '../i18n/languages.js';

/** @param {'auto'|'light'|'dark'} theme */
export function showTheme(theme) {
  const root = document.documentElement;
  if (theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme;
}

/** @param {string} code of a language */
export function showLanguage(code) {
  const root = document.documentElement;
  root.lang = code;
  root.dir = directionOf(code);
}

/** @param {boolean} mirror  one's own picture is shown as in a mirror */
export function showMirror(mirror) {
  document.documentElement.toggleAttribute('data-unmirrored', !mirror);
}
