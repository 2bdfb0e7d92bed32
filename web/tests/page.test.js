import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { all, catalogues, code, read, root } from './source.js';

const page = read('index.html');
/** What who only joins does not load: other languages, the check, what other sites import, what a frame needs, what is opened, and what a call needs later. */
const LAZY = new Set([
  ...catalogues,
  ...all.filter((file) => /^(check\.html|check\/|styles\/check\.css|aq-client\.js|client\/|page\/(embedding|framed)\.js)/.test(file)),
  ...['media/tilestats.js', 'media/voicewatch.js'],
  ...['page/arranging.js', 'page/hearing.js', 'page/incall.js', 'page/keys.js', 'page/picture.js', 'page/statistics.js'],
  ...['arrangement', 'controls', 'drag', 'layout', 'moderation', 'order', 'people', 'personmenu', 'stage', 'stall', 'tile', 'voices'].map((name) => `ui/${name}.js`),
  ...['ui/keysheet.js', 'ui/menu.js', 'ui/menus.js', 'ui/picture.js', 'ui/reactions.js', 'ui/shortcuts.js', 'ui/tilefigures.js'],
  ...all.filter((file) => /^(page\/(roomnames|sounds)\.js|ui\/(landing|settings|permissionhelp|conversation|chattext|message|recipient|mention|transfer|filedrop)\.js|media\/tones\.js|styles\/(landing|settings|help|chat)\.css)/.test(file)),
]);

test('the page asks for every file at once, and for no file that is not there', () => {
  const imported = [...read('styles/page.css').matchAll(/^@import "(.+)";$/gm)].map((m) => `styles/${m[1]}`);
  const named = [...page.matchAll(/(?:href|src)="([^"{]+)"/g)].map((m) => m[1]).concat(imported).filter((file) => /\.(js|css|svg)$/.test(file));
  assert.deepEqual(named.sort(), all.filter((file) => file !== 'index.html' && !LAZY.has(file)).sort());
  assert.match(page, /<link rel="modulepreload" href="i18n\/\{\{\.Language\}\}\.js">/, 'one catalogue comes at once as well');
});

test('what the way in needs is asked for at once, the rest after it', () => {
  const needed = new Set(['start.js', 'page/early.js']);
  for (const file of needed) {
    for (const [, target] of code(file).matchAll(/^(?:import|export) [^;]*?['"](\.[^'"]+)['"];$/gm)) needed.add(relative(root, resolve(root, dirname(file), target)));
  }
  const [, head, later] = /^([\s\S]*)<template id="later">([\s\S]*)<\/template>/.exec(page) ?? [];
  const modules = (/** @type {string} */ html) => [...html.matchAll(/(?:modulepreload" href|module" src)="([^"{]+)"/g)].map((m) => m[1]).sort();
  assert.deepEqual(modules(head), [...needed].sort());
  assert.ok(modules(later).includes('main.js'));
});

test('imports lead to files that exist', () => {
  for (const file of all.filter((f) => f.endsWith('.js'))) {
    for (const [, target] of read(file).matchAll(/^(?:import|export) .*?['"](\.[^'"]+)['"];$/gm)) {
      assert.ok(all.includes(relative(root, resolve(root, dirname(file), target))), `${file} imports ${target}`);
    }
  }
});

test('the first load is small', () => {
  const size = (/** @type {string} */ file) => gzipSync(read(file)).length;
  const always = all.filter((file) => !LAZY.has(file)).reduce((sum, file) => sum + size(file), 0);
  const bytes = always + Math.max(...catalogues.map(size));
  assert.ok(bytes < 150_000, `${bytes} bytes gzip`);
});

test('nothing is inline, nothing reads text as markup, nothing comes from elsewhere', () => {
  for (const file of all.filter((f) => f.endsWith('.html'))) assert.doesNotMatch(read(file), /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i, file);
  for (const file of all) {
    const text = read(file);
    if (file.endsWith('.js')) assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/, file);
    for (const [url] of text.matchAll(/https?:\/\/[^\s'"`)]+/g)) {
      assert.ok(['http://www.w3.org/2000/svg'].includes(url) || url.startsWith('https://meet.example.org/') || file === 'ui/chattext.js', `${file} names ${url}`);
    }
  }
});

test('the manifest names icons that are there, in the sizes it says', () => {
  const manifest = JSON.parse(read('manifest.webmanifest'));
  for (const { src, sizes, type } of manifest.icons) {
    const icon = readFileSync(join(root, src));
    if (type !== 'image/png') continue;
    assert.equal(icon.subarray(1, 4).toString(), 'PNG', src);
    assert.equal(`${icon.readUInt32BE(16)}x${icon.readUInt32BE(20)}`, sizes, src);
  }
  for (const colour of [manifest.background_color, manifest.theme_color]) assert.ok(read('styles/tokens.css').includes(`--page: ${colour}`), colour);
  for (const [, colour] of page.matchAll(/name="theme-color" content="([^"]+)"/g)) assert.ok(read('styles/tokens.css').includes(`--page: ${colour}`), colour);
});

test('the layers of the page stay apart', () => {
  /** @param {string|RegExp} files @param {RegExp} forbidden */
  const keepsOut = (files, forbidden) => {
    const checked = all.filter((f) => f.endsWith('.js') && (typeof files === 'string' ? f.startsWith(files) : files.test(f)));
    assert.notEqual(checked.length, 0, String(files));
    for (const file of checked) assert.doesNotMatch(code(file), forbidden, file);
  };
  keepsOut('protocol/', /document\.|RTCPeerConnection|from '\.\.\/(ui|media|page|i18n)/);
  keepsOut('media/', /document\.|WebSocket|from '\.\.\/(ui|session|page|i18n)/);
  keepsOut(/^i18n\/\w{3,}\.js$/, /document\.|window\.|from '\.\.\//);
  keepsOut('ui/', /WebSocket|RTCPeerConnection|\bsdp\b|protocol\/socket|from '\.\.\/(session|main|page)/);
  keepsOut(/^(session|sessionstate|absence)\.js$/, /document\.|from '\.\/(ui|page|i18n|model)/);
});

test('style sheets know no left and right: some languages are written the other way', () => {
  for (const file of all.filter((f) => f.endsWith('.css'))) {
    const text = read(file).replace(/\/\*[\s\S]*?\*\//g, '');
    assert.doesNotMatch(text, /(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right)|[;{]\s*(?:left|right|float|clear):|text-align:\s*(?:left|right)/, file);
    for (const [rule, right, left] of text.matchAll(/(?:padding|margin): \S+ (\S+) \S+ (\S+);/g)) {
      assert.ok(right === left || rule.includes('--safe-'), `${file}: ${rule}`);
    }
  }
});
