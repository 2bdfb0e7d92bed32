// Two people in Chromium, each on a machine of his own in the network lab, and one of them is cut
// off or moves. NETWORK=full runs everything.

import assert from 'node:assert/strict';
import { until } from '../browser/support/until.mjs';
import { took } from './support/figures.mjs';
import { Lab } from './support/lab.mjs';
import { full, inTheLab, pass, runs } from './support/scene.mjs';
import { lastMedia, seen, ufrag, watch } from './support/watch.mjs';

/** @param {import('../browser/support/stage.mjs').Stage} stage @param {string[]} [options] */
async function callOfTwo(stage, options) {
  const lab = new Lab(stage, 3, options);
  await lab.serve();
  const [alice, bob] = await Promise.all([lab.person(2, 'Alice', { colour: 'red' }), lab.person(3, 'Bob', { colour: 'green' })]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  await Promise.all([alice.reaches('connected'), bob.reaches('connected')]);
  return { lab, alice, bob };
}

/** @param {import('./support/watch.mjs').Seen} s @param {number} began */
const story = (s, began) =>
  `without pictures ${s.video} ms, sound ${s.audio} ms, back at ${((s.lastEnd - began) / 1000).toFixed(2)}, lost ${s.packetsLost}`;

/** Both see and hear again something newer than that moment. @param {import('../browser/support/person.mjs').Person[]} people @param {number} since @param {number} timeout */
async function mediaSince(people, since, timeout = 60_000) {
  await Promise.all(
    people.map((p) => until(`${p.name} has media again`, async () => (await lastMedia(p)) > since, { timeout, seen: () => seen(p) })),
  );
}

/** Starts to watch when pictures have moved for a while. @param {import('../browser/support/person.mjs').Person} alice @param {import('../browser/support/person.mjs').Person} bob */
async function watchBoth(alice, bob) {
  await Promise.all([watch(alice, 'Bob'), watch(bob, 'Alice')]);
  await mediaSince([alice, bob], Date.now() + 1_500);
  await Promise.all([watch(alice, 'Bob'), watch(bob, 'Alice')]);
}

const moves = /** @type {const} */ ([
  ['F8 address change at 50 ms', 'readdr', []],
  ['F7 NAT rebinding at 50 ms', 'rebind', ['--nat', '2']],
]);
for (const [name, command, options] of full ? moves : moves.slice(0, 1)) {
  inTheLab(
    `Chromium, ${name}: pictures and sound are back`,
    async (stage) => {
      const { lab, alice, bob } = await callOfTwo(stage, [...options]);
      lab.do('delay', '2', '25');
      const [identity] = (await bob.tiles()).filter((t) => !t.self).map((t) => t.peerId);
      for (let i = 0; i < runs; i++) {
        await pass(3_000);
        await watchBoth(alice, bob);
        const began = Date.now();
        lab.do(command, '2');
        await pass(8_000);
        await mediaSince([alice, bob], Date.now());
        await alice.reaches('connected');
        const [a, b] = await Promise.all([seen(alice), seen(bob)]);
        console.log(`${name}: Alice ${story(a, began)}, Bob ${story(b, began)}\n  ${lab.timelines.get('Alice')?.since(began)}`);
        took(`Chromium ${name}: gap of pictures or sound`, Math.max(a.video, a.audio, b.video, b.audio), 4_000);
        assert.equal(b.missing, 0, 'Bob has never been without a tile of Alice');
      }
      assert.deepEqual((await bob.tiles()).filter((t) => !t.self).map((t) => t.peerId), [identity]);
      assert.equal(await alice.connections(), 1, 'Alice has kept her PeerConnection');
    },
    180,
  );
}

for (const [outage, aim] of full ? [[10, 1_000], [60, 3_000]] : []) {
  inTheLab(
    `Chromium, F9 blackhole of ${outage} s: media is back when it ends`,
    async (stage) => {
      const { lab, alice, bob } = await callOfTwo(stage);
      for (let i = 0; i < runs; i++) {
        await pass(3_000);
        await watchBoth(alice, bob);
        const [path, made] = [await ufrag(alice), await alice.connections()];
        const began = Date.now();
        lab.do('blackhole', '2', 'on');
        await pass(outage * 1000);
        const over = Date.now();
        lab.do('blackhole', '2', 'off');
        await mediaSince([alice, bob], over + 100);
        const [a, b] = await Promise.all([seen(alice), seen(bob)]);
        console.log(`F9 ${outage} s: Alice ${story(a, began)}, Bob ${story(b, began)}\n  ${lab.timelines.get('Alice')?.since(began)}`);
        took(`Chromium F9 blackhole of ${outage} s: media back after its end`, Math.max(a.lastEnd, b.lastEnd) - over, aim);
        await alice.reaches('connected');
        await pass(3_000); // a late restart would tear it now
        if (outage > 10) continue;
        assert.equal(await ufrag(alice), path, 'no ICE restart was needed');
        assert.equal(await alice.connections(), made);
        assert.equal(b.missing, 0, 'Bob has never been without a tile of Alice');
      }
    },
    (outage + 40) * runs + 60,
  );
}

if (full) inTheLab('Chromium, F10 WebSocket cut for 10 s: media goes on, chat follows', cutSocket, 150);

/** @param {import('../browser/support/stage.mjs').Stage} stage */
async function cutSocket(stage) {
  const { lab, alice, bob } = await callOfTwo(stage);
  for (let i = 0; i < runs; i++) {
    await watchBoth(alice, bob);
    const before = await seen(alice);
    lab.do('tcpcut', '2');
    const began = Date.now();
    lab.do('tcpblock', '2', 'on');
    await alice.reaches('reconnecting');
    await bob.say(`first ${i}`);
    await bob.say(`second ${i}`);
    await pass(began + 10_000 - Date.now());
    const over = Date.now();
    lab.do('tcpblock', '2', 'off');
    await alice.reaches('connected', 30_000);
    took('Chromium F10 WebSocket cut of 10 s: connected after the network is back', Date.now() - over, 2_000);
    await alice.reads(`second ${i}`);
    const texts = (await alice.messages()).map((m) => m.text).filter((t) => t.endsWith(` ${i}`));
    assert.deepEqual(texts, [`first ${i}`, `second ${i}`]);
    const [a, b] = await Promise.all([seen(alice), seen(bob)]);
    took('Chromium F10 longest gap of pictures or sound', Math.max(a.video, a.audio, b.video, b.audio), 1_000);
    assert.equal(a.packetsLost, before.packetsLost, 'no packet was lost');
    assert.equal(await alice.connections(), 1, 'Alice has kept her PeerConnection');
  }
}
