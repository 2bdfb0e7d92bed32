// Measures, and says so in the report: from the click on Join to the first frame of another
// person. The bounds are wide, since the machine may be busy; the figures are for people.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';

const joins = 10;

/** @param {number[]} values @param {number} q */
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1];

/**
 * Joins and leaves again and again and measures each time.
 *
 * @param {import('./support/stage.mjs').Stage} stage
 * @param {boolean} watch
 */
async function measure(stage, watch) {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  await alice.join(server, 'demo');
  await alice.reaches('connected');
  const bob = await stage.person('Bob', { colour: 'green' });
  const times = [];
  for (let i = 0; i < joins; i++) {
    await bob.open(server, { room: 'demo' });
    await bob.element('name-input').fill('Bob');
    await bob.clickJoin(watch);
    times.push(await bob.firstFrame());
    await bob.leave();
    await alice.hasOthers([], 5_000);
  }
  const [p50, p90] = [quantile(times, 0.5), quantile(times, 0.9)];
  console.log(`click to first frame, ${watch ? 'watching' : 'publishing'}, ${joins} joins: p50 ${p50.toFixed(0)} ms, p90 ${p90.toFixed(0)} ms`);
  return p50;
}

scenario('measured: from the click to the first frame', async (stage) => {
  const p50 = await measure(stage, false);
  assert.ok(p50 < 2_000, `p50 is ${p50} ms`);
}, { whole: true });

scenario('measured: the first frame of a late joiner who only watches', async (stage) => {
  const p50 = await measure(stage, true);
  assert.ok(p50 < 1_000, `p50 is ${p50} ms`);
}, { whole: true });
