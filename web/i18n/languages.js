/** Which languages there are, and which of them to take. Pure; the server chooses alike (internal/routes/language.go). */

/**
 * By the code of their catalogue, with the name that their speakers give them.
 *
 * @type {readonly {code: string, name: string}[]}
 */
export const LANGUAGES = Object.freeze([
  { code: 'en', name: 'English' },
  { code: 'de', name: 'Deutsch' },
  { code: 'fr', name: 'Français' },
  { code: 'es', name: 'Español' },
  { code: 'pt', name: 'Português' },
  { code: 'it', name: 'Italiano' },
  { code: 'pl', name: 'Polski' },
  { code: 'tr', name: 'Türkçe' },
  { code: 'ru', name: 'Русский' },
  { code: 'uk', name: 'Українська' },
  { code: 'zh', name: '中文' },
  { code: 'ja', name: '日本語' },
  { code: 'ar', name: 'العربية' },
  { code: 'hi', name: 'हिन्दी' },
]);

/** Written from right to left. */
const RIGHT_TO_LEFT = ['ar'];

/**
 * The catalogue for what a person asks for. Regions share one: pt-BR is pt.
 *
 * @param {string} stored  what was chosen on this page; empty: nothing
 * @param {readonly string[]} wanted  language tags, the best first, as in navigator.languages
 * @returns {string} a code of LANGUAGES
 */
export function chooseLanguage(stored, wanted) {
  for (const tag of [stored, ...wanted]) {
    const base = tag.toLowerCase().split('-')[0];
    if (LANGUAGES.some(({ code }) => code === base)) return base;
  }
  return 'en';
}

/**
 * How to write times and figures: in British English, where somebody has that and reads English.
 *
 * @param {string} code
 * @param {readonly string[]} wanted
 * @returns {string} a language tag
 */
export function localeFor(code, wanted) {
  return wanted.find((tag) => tag.toLowerCase().split('-')[0] === code) ?? code;
}

/** @param {string} code @returns {'ltr'|'rtl'} */
export function directionOf(code) {
  return RIGHT_TO_LEFT.includes(code) ? 'rtl' : 'ltr';
}
