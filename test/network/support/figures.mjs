// The figures of a run, printed as a table at its end.

import assert from 'node:assert/strict';
import { after } from 'node:test';

// Beside other tests on a busy machine it is enough that things come back.
const full = process.env.NETWORK === 'full';
const patience = full ? 1 : 3;
/** Of what must be so many per cent. @param {number} aim */
const least = (aim) => (full ? aim : aim / 2);

/** @typedef {{aim: string, runs: number[], text: (value: number) => string, more: boolean}} Row */
/** @type {Map<string, Row>} */
const rows = new Map();

/** @param {string} name @param {number} value @param {Omit<Row, 'runs'>} how */
function note(name, value, how) {
  const row = rows.get(name) ?? { ...how, runs: [] };
  row.runs.push(value);
  rows.set(name, row);
}

/** Notes a time in milliseconds, which must not be longer than the aim. @param {string} name @param {number} ms @param {number} aim */
export function took(name, ms, aim) {
  note(name, ms, { aim: `≤ ${aim / 1000} s`, text: (v) => `${(v / 1000).toFixed(2)} s`, more: false });
  assert.ok(ms <= aim * patience, `${name}: ${ms} ms, more than ${aim * patience}`);
}

/** Notes a share from 0 to 1, of which there must be so many per cent. @param {string} name @param {number} share @param {number} aim */
export function percent(name, share, aim) {
  note(name, share, { aim: `≥ ${aim} %`, text: (v) => `${(100 * v).toFixed(2)} %`, more: true });
  assert.ok(100 * share >= least(aim), `${name}: ${(100 * share).toFixed(3)} %, less than ${least(aim)}`);
}

/** Notes a number, which must not be larger than the aim. @param {string} name @param {number} n @param {number} aim */
export function count(name, n, aim) {
  note(name, n, { aim: `≤ ${aim}`, text: (v) => String(Math.round(v * 10) / 10), more: false });
  assert.ok(n <= aim * patience, `${name}: ${n}, more than ${aim * patience}`);
}

after(() => {
  const lines = [...rows].map(([name, { aim, runs, text, more }]) => {
    runs.sort((a, b) => (more ? b - a : a - b));
    return `| ${name} | ${text(runs[Math.floor(runs.length / 2)])} | ${text(runs[runs.length - 1])} | ${runs.length} | ${aim} |`;
  });
  if (lines.length > 0) console.log(['| fault and figure | median | worst | runs | aim |', '|---|---|---|---|---|', ...lines].join('\n'));
});
