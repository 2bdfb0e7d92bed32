import assert from 'node:assert/strict';
import { test } from 'node:test';

import { all, read } from './source.js';

const text = read('styles/tokens.css');
/** @param {string} css @returns {Map<string, string>} */
const tokensIn = (css) => new Map([...css.matchAll(/(--[\w-]+): ([^;]+);/g)].map((m) => [m[1], m[2]]));
const [lightText, chosenText, systemText] = [/^:root \{([^}]+)\}/m, /^:root\[data-theme="dark"\] \{([^}]+)\}/m, /:root:not\(\[data-theme="light"\]\) \{([^}]+)\}/m].map((at) => at.exec(text)?.[1] ?? '');
const light = tokensIn(lightText);
const dark = new Map([...light, ...tokensIn(chosenText)]);

/** WCAG 2.2, relative luminance. @param {string} colour */
function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {Map<string, string>} theme @param {string} one @param {string} other */
function contrast(theme, one, other) {
  const [a, b] = [one, other].map((name) => luminance(theme.get(`--${name}`) ?? '')).sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}

/** Text, and what it stands on. @type {[string, string[]][]} */
const TEXT = [
  ['text', ['page', 'surface', 'surface-raised', 'info-surface', 'warning-surface', 'control', 'control-hover', 'tile']],
  ['text-muted', ['page', 'surface', 'surface-raised', 'tile']],
  ['link', ['page', 'surface', 'surface-raised', 'info-surface']],
  ['on-accent', ['accent', 'accent-hover']],
  ['on-danger', ['danger', 'danger-hover']],
  ['danger-text', ['page', 'surface', 'danger-surface', 'control-off']],
  ['warning', ['page', 'surface', 'warning-surface']],
  ['page', ['text-muted']],
  ['on-mark', ['mark']],
];
/** Edges and marks that one has to see (WCAG 1.4.11). @type {[string, string[]][]} */
const SHAPES = [
  ['border-strong', ['page', 'surface']],
  ['accent', ['page', 'surface']],
  ['focus', ['page', 'surface', 'surface-raised', 'tile', 'control']],
  ['speaking', ['page', 'tile']],
  ['ok', ['page', 'surface']],
];

test('text and edges have the contrast they need, in light and in dark', () => {
  for (const [name, theme] of /** @type {const} */ ([['light', light], ['dark', dark]])) {
    for (const [pairs, least] of /** @type {const} */ ([[TEXT, 4.5], [SHAPES, 3]])) {
      for (const [one, grounds] of pairs) {
        for (const ground of grounds) {
          const measured = contrast(theme, one, ground);
          assert.ok(measured >= least, `${name}: ${one} on ${ground}: ${measured.toFixed(2)}`);
        }
      }
    }
  }
});

test('both ways to the dark colours lead to the same, and every token that is used exists', () => {
  assert.notEqual(tokensIn(chosenText).size, 0);
  assert.deepEqual([...tokensIn(chosenText)], [...tokensIn(systemText)]);
  for (const file of all.filter((f) => f.endsWith('.css'))) {
    for (const [, name] of read(file).matchAll(/var\((--[\w-]+)/g)) assert.ok(light.has(name), `${file} uses ${name}`);
  }
});

test('colours stand in tokens.css alone', () => {
  for (const file of all.filter((f) => f.endsWith('.css') && f !== 'styles/tokens.css')) {
    const found = read(file).replace(/^\.hue-\d.*$/gm, '').match(/#[0-9a-f]{3,8}\b|rgb\([^)]+\)/gi) ?? [];
    assert.deepEqual(found, [], file);
  }
});
