// The figures of a run, printed as a table at its end.

import assert from 'node:assert/strict';
import { after } from 'node:test';

// Beside other tests on a busy machine it is enough that things come back.
const patience = process.env.NETWORK === 'full' ? 1 : 3;

/** @type {Map<string, {aim: number, runs: number[]}>} */
const rows = new Map();

/** Notes a time in milliseconds, which must not be longer than the aim. @param {string} name @param {number} ms @param {number} aim */
export function took(name, ms, aim) {
  const row = rows.get(name) ?? { aim, runs: [] };
  row.runs.push(ms);
  rows.set(name, row);
  assert.ok(ms <= aim * patience, `${name}: ${ms} ms, more than ${aim * patience}`);
}

after(() => {
  const s = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(2)} s`;
  const lines = [...rows].map(([name, { aim, runs }]) => {
    runs.sort((a, b) => a - b);
    return `| ${name} | ${s(runs[Math.floor(runs.length / 2)])} | ${s(runs[runs.length - 1])} | ${runs.length} | ≤ ${aim / 1000} s |`;
  });
  if (lines.length > 0) console.log(['| fault and figure | median | worst | runs | aim |', '|---|---|---|---|---|', ...lines].join('\n'));
});
