import assert from 'node:assert/strict';
import { test } from 'node:test';

import en from '../i18n/en.js';
import { chooseLanguage, directionOf, LANGUAGES, localeFor } from '../i18n/languages.js';
import { hasText, speak, t } from '../i18n/i18n.js';
import { bytes, day, enumeration, list, milliseconds, number, percent } from '../i18n/format.js';
import SAME from './sameasenglish.js';
import { all, catalogues, code } from './source.js';

/** @typedef {Record<string, string|Record<string, string>>} Texts */

const english = /** @type {Texts} */ (en);
const keys = Object.keys(english);
/** @type {Map<string, Texts>} */
const others = new Map();
for (const file of catalogues) {
  const language = file.slice('i18n/'.length, -'.js'.length);
  if (language !== 'en') others.set(language, (await import(`../${file}`)).default);
}

/** @param {string|Record<string, string>} entry @returns {string[]} */
const forms = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry));
/** @param {string} text */
const placeholders = (text) => new Set([...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]));
/** @param {string|Record<string, string>} entry */
const allPlaceholders = (entry) => [...new Set(forms(entry).flatMap((text) => [...placeholders(text)]))].sort();

/** What a language's plurals need for whole numbers. @param {string} language */
function categories(language) {
  const rules = new Intl.PluralRules(language);
  const found = new Set(Array.from({ length: 201 }, (_, n) => rules.select(n)));
  return [...found.add('other')].sort();
}

test('every language of the list has a catalogue, and every catalogue is in the list', () => {
  assert.deepEqual(LANGUAGES.map(({ code }) => `i18n/${code}.js`).sort(), [...catalogues].sort());
  assert.equal(new Set(LANGUAGES.map(({ name }) => name)).size, LANGUAGES.length);
});

for (const [language, texts] of others) {
  test(`${language}: all that English says, and nothing else`, () => {
    assert.deepEqual(Object.keys(texts).filter((key) => !keys.includes(key)), [], 'unknown keys');
    assert.deepEqual(keys.filter((key) => !(key in texts)), [], 'missing keys');
  });

  test(`${language}: forms for every number, and the same placeholders`, () => {
    for (const key of keys) {
      const [ours, theirs] = [english[key], texts[key]];
      assert.equal(typeof theirs, typeof ours, `${key}: forms where English has forms`);
      for (const text of forms(theirs)) assert.equal(text.trim(), text, `${key}: space at an end`);
      for (const text of forms(theirs)) assert.notEqual(text, '', key);
      assert.deepEqual(allPlaceholders(theirs), allPlaceholders(ours), key);
      if (typeof ours === 'string' || typeof theirs === 'string') continue;
      const allowed = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
      for (const form of Object.keys(theirs)) assert.ok(allowed.includes(/** @type {any} */ (form)), `${key}: ${language} has no form ${form}`);
      for (const form of categories(language)) assert.ok(form in theirs, `${key}: the form ${form} is missing`);
      for (const name of placeholders(ours.other)) assert.ok(placeholders(theirs.other).has(name), `${key}: {${name}} in other`);
    }
  });

  test(`${language}: nothing is left in English`, () => {
    const allowed = new Set([...SAME.all, ...(SAME[language] ?? [])]);
    const same = keys.filter((key) => forms(texts[key]).some((text) => forms(english[key]).includes(text)));
    assert.deepEqual(same.filter((key) => !allowed.has(key)), [], 'the same as in English, and not in sameasenglish.js');
    assert.deepEqual((SAME[language] ?? []).filter((key) => !same.includes(key)), [], 'listed in sameasenglish.js, and not the same');
  });
}

/** The keys that a module names: whole, or with a part that is filled in. @param {string} file */
function namedKeys(file) {
  const text = code(file);
  const whole = [...text.matchAll(/'([a-z][\w-]*(?:\.[\w-]+)+)'/g)].map((m) => m[1]).filter((name) => !/\.(js|svg|css)$/.test(name));
  const parts = [...text.matchAll(/`([a-z][\w-]*\.(?:[\w.-]|\$\{[^}]+\})*)`/g)].map((m) => m[1]);
  return { whole, patterns: parts.map((part) => new RegExp(`^${part.replace(/\./g, '\\.').replace(/\$\{[^}]+\}/g, '[\\w-]+')}$`)) };
}

test('every key that is used exists, and every key that exists is used', () => {
  const areas = new Set(keys.map((key) => key.split('.')[0]));
  const used = new Set();
  for (const file of all.filter((f) => f.endsWith('.js') && !f.startsWith('i18n/') && f !== 'boot.js')) {
    const { whole, patterns } = namedKeys(file);
    for (const name of whole) {
      if (areas.has(name.split('.')[0])) assert.ok(name in english, `${file} says ${name}`);
      used.add(name);
    }
    for (const pattern of patterns) {
      const matching = keys.filter((key) => pattern.test(key));
      if (areas.has(pattern.source.slice(1).split('\\.')[0])) assert.notEqual(matching.length, 0, `${file}: no key is like ${pattern}`);
      for (const key of matching) used.add(key);
    }
  }
  assert.deepEqual(keys.filter((key) => !used.has(key)), []);
});

const WORDS = /(['"`])(?=[^'"`$]*\p{L})[^'"`]*\1/u.source;
/** What is shown or read aloud: attributes, words that are handed on, texts that are set, children of `h`. */
const SHOWN = [
  String.raw`(?:'aria-label'|'aria-description'|'aria-roledescription'|\b(?:title|placeholder|alt|label|text)): ${WORDS}`,
  String.raw`(?:setText\([^,]+, |textContent = |\.append\(|announce\()${WORDS}`,
  String.raw`setAttribute\([^,]+, '(?:aria-label|title|placeholder|alt)', ${WORDS}`,
  String.raw`\}, (?:[\w#.]+(?:\('[\w-]+'\))?, )*${WORDS}\s*[,)]`,
].map((pattern) => new RegExp(pattern, 'gu'));
/** The name of the product is no word. */
const NAME = "'AQ Server'";

/** @param {string} text of a module @returns {string[]} */
function wordsIn(text) {
  return SHOWN.flatMap((pattern) => [...text.matchAll(pattern)].map(([found]) => found)).filter((found) => !found.includes(NAME));
}

test('no words stand in the elements themselves', () => {
  for (const planted of [
    "h('p', {}, 'Hello there')",
    "h('b', { class: 'x' }, icon('link'), this.#x, `Copy`),",
    "{ 'aria-label': 'Close' }",
    'show({ label: `Turn ${x} on` })'.replace('${x} ', ''),
    "setText(this.#title, 'Chat')",
    "app.toasts.show({ text: 'Done.' })",
    "setAttribute(x, 'title', 'Settings')",
  ]) assert.equal(wordsIn(planted).length > 0, true, planted);
  for (const file of all.filter((f) => /^(?:ui|page|check)\/.*\.js$|^(?:model|main)\.js$/.test(f))) assert.deepEqual(wordsIn(code(file)), [], file);
});

test('the language: what was chosen, else the first that there is; regions share one', () => {
  assert.equal(chooseLanguage('', ['de-AT', 'en']), 'de');
  assert.equal(chooseLanguage('en', ['de']), 'en');
  assert.equal(chooseLanguage('', ['tlh', 'DE']), 'de');
  assert.equal(chooseLanguage('tlh', []), 'en');
  assert.equal(localeFor('en', ['de', 'en-GB', 'en-US']), 'en-GB');
  assert.equal(localeFor('de', ['en']), 'de');
  assert.deepEqual(['ar', 'de'].map(directionOf), ['rtl', 'ltr']);
});

test('placeholders, numbers, forms, and names of the other direction', () => {
  speak('en', en);
  assert.equal(t('join.inside', { n: 1 }), 'One person is inside.');
  assert.equal(t('join.inside', { n: 1234 }), '1,234 people are inside.');
  assert.equal(t('common.you', { name: '{name} <b>' }), '{name} <b> (you)');
  assert.equal(t('common.you', { name: '$& {n}' }), '$& {n} (you)');
  assert.equal(t('common.you', { name: 'ليلى' }), '\u2068ليلى\u2069 (you)');
  assert.equal(t('common.you'), '{name} (you)');
  assert.equal(hasText('toString'), false);
  const arabic = /** @type {any} */ ({ 'join.inside': { zero: 'z', one: 'o', two: 't', few: 'f', many: 'm', other: 'x' }, 'common.you': '{name}' });
  speak('ar', arabic);
  assert.deepEqual([0, 1, 2, 3, 11, 100].map((n) => t('join.inside', { n })).join(''), 'zotfmx');
  assert.equal(t('common.you', { name: 'Ann' }), '\u2068Ann\u2069');
  speak('en', en);
});

test('figures as a language writes them', () => {
  speak('de', /** @type {any} */ (others.get('de')));
  assert.deepEqual([number(1234.5), percent(0.125), milliseconds(23.4), bytes(1_400_000)], ['1.234,5', '12,5\u00a0%', '23 ms', '1,4 MB']);
  assert.deepEqual([list(['Ann', 'Bob', 'C']), enumeration(['Ann', 'Bob'])], ['Ann, Bob und C', 'Ann, Bob']);
  assert.equal(day(new Date(2026, 10, 23)), '23. November');
  speak('zh', /** @type {any} */ (others.get('zh')), 'zh-CN');
  assert.deepEqual([list(['Ann', 'Bob']), enumeration(['Ann', 'Bob', 'C'])], ['Ann和Bob', 'Ann、Bob、C']);
  speak('ar', /** @type {any} */ (others.get('ar')));
  assert.deepEqual([list(['Ann', 'Bob']), enumeration(['Ann', 'Bob'])], ['\u2068Ann\u2069 و\u2068Bob\u2069', 'Ann، Bob']);
  speak('en', en);
  assert.equal(list(['ليلى', 'Ann']), '\u2068ليلى\u2069 and Ann', 'one by one');
  assert.deepEqual([bytes(999), bytes(64_000), bytes(2.5e9)], ['999 byte', '64 kB', '2.5 GB']);
});
