/** The words of the page, in the language that was chosen. No DOM. */

import { isolated, number, setLocale } from './format.js';
import { chooseLanguage, localeFor } from './languages.js';

/** @typedef {keyof typeof import('./en.js').default} Key */
/** Several forms, of which the number `n` chooses one (Intl.PluralRules). @typedef {Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}} Forms */
/**
 * What a language has to say: for each text of English one of its own, in
 * forms where English has forms.
 *
 * @typedef {{[K in Key]: (typeof import('./en.js').default)[K] extends string ? string : Forms}} Catalogue
 */
/** `n` chooses the form; numbers are written as the language writes them. @typedef {Record<string, string|number>} Params */

/** @type {Partial<Catalogue>} */
let catalogue = {};
let current = 'en';
let plural = new Intl.PluralRules('en');

/** The code of the language that the page speaks. @returns {string} */
export function language() {
  return current;
}

/**
 * A text. Never called while modules load: the language may change later, and
 * what was made before would keep the old one.
 *
 * @param {Key} key
 * @param {Params} [params] for the `{placeholders}`
 * @returns {string}
 */
export function t(key, params = {}) {
  const entry = catalogue[key];
  if (entry === undefined) return key;
  const text = typeof entry === 'string' ? entry : (entry[plural.select(Number(params.n))] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? number(value) : isolated(value);
  });
}

/** Whether there is such a text; for keys that are made from what the server says. @param {string} key @returns {key is Key} */
export function hasText(key) {
  return Object.hasOwn(catalogue, key);
}

/**
 * Makes a catalogue the one that is spoken.
 *
 * @param {string} code
 * @param {Catalogue} texts
 * @param {string} [locale]  for figures and times
 */
export function speak(code, texts, locale = code) {
  catalogue = texts;
  current = code;
  plural = new Intl.PluralRules(code);
  setLocale(locale);
}

/**
 * Loads the catalogue of the language that fits best, and nothing else.
 *
 * @param {string} stored  what was chosen on this page; empty: as the browser says
 * @param {readonly string[]} wanted  navigator.languages
 * @returns {Promise<string>} the code
 */
export async function loadLanguage(stored, wanted) {
  const code = chooseLanguage(stored, wanted);
  const { default: texts } = await import(`./${code}.js`);
  speak(code, texts, localeFor(code, wanted));
  return code;
}
