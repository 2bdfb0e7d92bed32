import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** @param {string} folder @returns {string[]} */
function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'tests' ? [] : files(path);
    return /\.(js|css|svg|html)$/.test(entry.name) ? [relative(root, path)] : [];
  });
}

const all = files(root);
const page = readFileSync(join(root, 'index.html'), 'utf8');
/** @param {string} file */
const read = (file) => readFileSync(join(root, file), 'utf8');

test('the page asks for every file at once, and for no file that is not there', () => {
  const named = [...page.matchAll(/(?:href|src)="([^"{]+)"/g)].map((m) => m[1]);
  assert.deepEqual(named.sort(), all.filter((file) => file !== 'index.html').sort());
});

test('imports lead to files that exist', () => {
  for (const file of all.filter((f) => f.endsWith('.js'))) {
    for (const [, target] of read(file).matchAll(/^(?:import|export) .*?['"](\.[^'"]+)['"];$/gm)) {
      assert.ok(all.includes(relative(root, resolve(root, dirname(file), target))), `${file} imports ${target}`);
    }
  }
});

test('the first load is small', () => {
  const bytes = all.reduce((sum, file) => sum + gzipSync(read(file)).length, 0);
  assert.ok(bytes < 110_000, `${bytes} bytes gzip`);
});

test('nothing is inline, nothing reads text as markup, nothing comes from elsewhere', () => {
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=/i);
  for (const file of all) {
    const text = read(file);
    if (file.endsWith('.js')) assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/, file);
    for (const [url] of text.matchAll(/https?:\/\/[^\s'"`)]+/g)) {
      assert.ok(['http://www.w3.org/2000/svg'].includes(url) || file.startsWith('ui/text') || file === 'ui/problems.js', `${file} names ${url}`);
    }
  }
});

test('the layers of the page stay apart', () => {
  /** @param {string} folder @param {RegExp} forbidden */
  const keepsOut = (folder, forbidden) => {
    for (const file of all.filter((f) => f.startsWith(folder) && f.endsWith('.js'))) assert.doesNotMatch(read(file).replace(/\/\*\*[\s\S]*?\*\//g, ''), forbidden, file);
  };
  keepsOut('protocol/', /document\.|RTCPeerConnection|from '\.\.\/(ui|media)/);
  keepsOut('media/', /document\.|WebSocket|from '\.\.\/(ui|session)/);
  keepsOut('ui/', /WebSocket|RTCPeerConnection|\bsdp\b|protocol\/socket|from '\.\.\/(session|main)/);
});
