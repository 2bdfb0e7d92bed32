// F5: the way to somebody in Chromium goes from 5 Mbit/s to 300 kbit/s and back. He reports on what
// comes as browsers do, so it is the server's congestion control that is tried. NETWORK=full only.

import assert from 'node:assert/strict';
import { count, percent, took } from './support/figures.mjs';
import { Lab, Sender } from './support/lab.mjs';
import { Queue } from './support/queue.mjs';
import { record, recorded, showsWidth } from './support/receiver.mjs';
import { full, inTheLab, pass, runs } from './support/scene.mjs';

/** What a way narrowed looks like from the browser. @param {import('./support/receiver.mjs').Sample[]} list @param {number} narrow @param {number} wide */
function judge(list, narrow, wide) {
  const during = list.filter((s) => s.at >= narrow && s.at < wide);
  const settled = during.filter((s) => s.at >= narrow + 3_000);
  const [first, last] = [settled[0], settled[settled.length - 1]];
  const [sound, lost] = [last.sound - first.sound, last.soundLost - first.soundLost];
  return {
    small: (during.find((s) => s.width < 1280)?.at ?? Infinity) - narrow,
    changes: settled.filter((s, i) => i > 0 && s.width !== settled[i - 1].width).length,
    heard: sound / (sound + lost),
    decoded: last.decoded - first.decoded,
    widths: during.map((s) => s.width).filter((w, i, all) => i === 0 || w !== all[i - 1]),
  };
}

/** @param {string} who @param {(lab: Lab) => unknown} send */
const narrowLink = (who, send) => async (/** @type {import('../browser/support/stage.mjs').Stage} */ stage) => {
  const lab = new Lab(stage, 3);
  await lab.serve();
  await send(lab);
  const bob = await lab.person(3, 'Bob', { watch: true });
  lab.do('delay', '3', '20');
  lab.do('rate', '3', '5000');
  const queue = new Queue(lab, 1, 3);
  await record(bob);
  for (let i = 0; i < runs; i++) {
    await showsWidth(bob, 1280, 30_000);
    await pass(5_000);
    const narrow = Date.now();
    lab.do('rate', '3', '5000', '300');
    await pass(20_000);
    const wide = Date.now();
    lab.do('rate', '3', '5000');
    await showsWidth(bob, 1280, 30_000);
    const list = await recorded(bob);
    const back = (list.find((s) => s.at > wide && s.width === 1280)?.at ?? Infinity) - wide;
    const seen = judge(list, narrow, wide);
    console.log(`F5 ${who}: ${JSON.stringify(seen)}, back after ${back} ms`);
    took(`Chromium F5 ${who}, 5 Mbit/s to 300 kbit/s: a smaller picture decoded after`, seen.small, 2_000);
    percent(`Chromium F5 ${who}: packets of sound after 3 s`, seen.heard, 98);
    took(`Chromium F5 ${who}: queue after 5 s, 99 of 100 packets`, queue.longest(narrow + 5_000, wide), 300);
    count(`Chromium F5 ${who}: changes of the picture's size in the 17 s after 3 s`, seen.changes, 2);
    took(`Chromium F5 ${who}, back to 5 Mbit/s: the large picture again`, back, 10_000);
    assert.ok(seen.decoded > 17 * 10, `${seen.decoded} pictures over 300 kbit/s`);
  }
};

if (full) {
  inTheLab('Chromium, F5 narrow link, sent without an encoder', narrowLink('Go to Chromium', (lab) => new Sender(lab, 2, 'Alice')), 300);
  inTheLab(
    'Chromium, F5 narrow link, sent by Chromium',
    narrowLink('Chromium to Chromium', (lab) => lab.person(2, 'Alice', { colour: 'red', grain: true, size: [1280, 720] })),
    300,
  );
}
