/** The files of the page, for the tests that read them. */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** @param {string} folder @returns {string[]} */
function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'tests' ? [] : files(path);
    return /\.(js|css|svg|html)$/.test(entry.name) ? [relative(root, path)] : [];
  });
}

/** What the server serves, by path below the page. */
export const all = files(root);

/** @param {string} file */
export const read = (file) => readFileSync(join(root, file), 'utf8');

/** The languages' own files. */
export const catalogues = all.filter((file) => /^i18n\/[a-z]{2}\.js$/.test(file));

/** A module without its comments. @param {string} file */
export const code = (file) => read(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
