import assert from 'node:assert/strict';
import { test } from 'node:test';

import { arrivedOf, Pulse, readingOf } from '../media/pulse.js';
import { Repair } from '../media/repair.js';
import { scoreOf, Uplink } from '../media/uplink.js';
import { FakeClock, settle } from './fakes.js';

/** @param {{alive?: () => Promise<boolean>}} [how] */
function repairs({ alive = async () => true } = {}) {
  const clock = new FakeClock();
  /** @type {number[]} */
  const asked = [];
  const path = { arrived: 0 };
  const repair = new Repair({
    received: async () => path.arrived,
    alive,
    restart: () => asked.push(clock.now),
    setTimer: clock.setTimer,
    clearTimer: clock.clearTimer,
  });
  const pass = async (/** @type {number} */ ms) => {
    for (let passed = 0; passed < ms; passed += 250) {
      await settle();
      clock.advance(250);
    }
    await settle();
  };
  return { clock, asked, path, repair, pass };
}

test('repair asks at once, then later and later, until it is told to stop', async () => {
  const { clock, asked, repair, pass } = repairs();
  repair.now();
  await pass(1000);
  assert.deepEqual(asked, [], 'nothing is lost');
  repair.start();
  repair.start();
  await pass(45000);
  assert.deepEqual(asked.map((at) => at - 1000), [250, 2250, 6250, 14250, 29250, 44250]);
  repair.now();
  await pass(250);
  assert.equal(asked.at(-1), 46250);
  repair.stop();
  await pass(60000);
  assert.equal(asked.length, 7);
  assert.equal(clock.timers.length, 0);
});

test('repair asks nothing of a socket that gives no sign of life', async () => {
  const { asked, repair, pass } = repairs({ alive: async () => false });
  repair.start();
  await pass(30000);
  assert.deepEqual(asked, []);
});

test('repair leaves a path alone on which anything has come since', async () => {
  const { asked, path, repair, pass } = repairs();
  repair.start();
  await settle();
  path.arrived += 1;
  await pass(1000);
  assert.deepEqual(asked, []);
  await pass(1500);
  assert.equal(asked.length, 1, 'it did not come back after all');
});

test('a repair that is stopped while it waits for the sign of life asks nothing', async () => {
  /** @type {(alive: boolean) => void} */
  let answer = () => undefined;
  const { asked, repair, pass } = repairs({ alive: () => new Promise((resolve) => (answer = resolve)) });
  repair.start();
  await settle();
  repair.stop();
  answer(true);
  await pass(1000);
  assert.deepEqual(asked, []);
});

/** A path whose reports the test writes: bytes and STUN messages come and go by themselves. */
function paths({ sending = true, perTick = 100, stun = 2500 } = {}) {
  const clock = new FakeClock();
  /** @type {[number, boolean][]} */
  const seen = [];
  const path = { pair: 'P', bytes: 0, answers: 0, requests: 0, ageMs: /** @type {number|null} */ (0), roundTripMs: 20 };
  const way = { open: true, perTick, sending, reads: 0 };
  let flowed = 0;
  const pulse = new Pulse({
    read: async () => {
      way.reads += 1;
      return { ...path, ageMs: clock.now - flowed };
    },
    sending: () => way.sending,
    onSilent: (silent) => seen.push([clock.now, silent]),
    setTimer: clock.setTimer,
    clearTimer: clock.clearTimer,
    now: () => clock.now,
  });
  const pass = async (/** @type {number} */ ms) => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      if (way.open && way.perTick > 0) {
        path.bytes += way.perTick;
        flowed = clock.now;
      }
      if (clock.now % stun < 50) {
        path.requests += 1;
        if (way.open) path.answers += 1;
      }
      await settle();
    }
  };
  return { clock, seen, path, way, pulse, pass };
}

test('silence on a path that carried feedback is noticed within 1.5 to 1.8 s', async () => {
  for (const offset of [0, 150, 450, 700, 950]) {
    const { seen, way, pulse, pass, clock } = paths();
    pulse.start();
    await pass(5000 + offset);
    assert.deepEqual(seen, []);
    way.open = false;
    const from = clock.now;
    await pass(3000);
    assert.equal(seen.length, 1);
    assert.ok(seen[0][1] && seen[0][0] - from >= 1450 && seen[0][0] - from <= 1800, `${seen[0][0] - from} ms`);
    way.open = true;
    await pass(300);
    assert.deepEqual(seen[1]?.[1], false);
    pulse.stop();
  }
});

test('quiet is not silence where nobody sends, nor where the only one who sent has stopped', async () => {
  const alone = paths({ sending: false, perTick: 0 });
  alone.pulse.start();
  await alone.pass(30000);
  assert.deepEqual(alone.seen, []);
  const watcher = paths({ sending: false });
  watcher.pulse.start();
  await watcher.pass(6000);
  watcher.way.perTick = 0;
  await watcher.pass(20000);
  assert.deepEqual(watcher.seen, [], 'STUN is still answered');
});

test('a path on which STUN stays without an answer is silent, whoever sends', async () => {
  const { seen, way, pulse, pass, clock } = paths({ sending: false });
  pulse.start();
  await pass(6000);
  way.open = false;
  const from = clock.now;
  await pass(5000);
  assert.equal(seen.length, 1);
  assert.ok(seen[0][0] - from <= 2500 + 600 + 300, `${seen[0][0] - from} ms`);
});

test('after a doubt silence is believed sooner', async () => {
  const { seen, way, pulse, pass, clock } = paths();
  pulse.start();
  await pass(5000);
  way.open = false;
  const from = clock.now;
  pulse.doubt();
  await pass(1000);
  assert.ok(seen[0][0] - from <= 900, `${seen[0]?.[0] - from} ms`);
});

test('a page that slept is given the time to hear', async () => {
  const { seen, way, pulse, pass, clock, path } = paths();
  pulse.start();
  await pass(5000);
  clock.sleep(600000);
  await settle();
  assert.deepEqual(seen, []);
  await pass(3000);
  assert.deepEqual(seen, []);
  way.open = false;
  clock.sleep(600000);
  path.requests += 1;
  await pass(2000);
  assert.equal(seen.length, 1, 'and then it is silent');
});

test('the reports are read once a second, and closely only while it is quiet', async () => {
  const { way, pulse, pass, clock } = paths();
  pulse.start();
  await pass(20000);
  assert.ok(way.reads <= 20, `${way.reads} reads`);
  pulse.stop();
  assert.equal(clock.timers.length, 0);
});

test('what the reports say: the selected pair, in Chromium and in Firefox', () => {
  const chromium = [
    { id: 'T', type: 'transport', selectedCandidatePairId: 'B' },
    { id: 'A', type: 'candidate-pair', bytesReceived: 7, nominated: true, responsesReceived: 1 },
    { id: 'B', type: 'candidate-pair', bytesReceived: 10, responsesReceived: 2, requestsReceived: 1, requestsSent: 3, consentRequestsSent: 4, timestamp: 5000, lastPacketReceivedTimestamp: 4600, currentRoundTripTime: 0.05 },
  ];
  assert.deepEqual(readingOf(chromium), { pair: 'B', bytes: 10, answers: 3, requests: 7, ageMs: 400, roundTripMs: 50 });
  assert.equal(arrivedOf(chromium), 20);
  const firefox = [{ id: 'F', type: 'candidate-pair', selected: true, nominated: true, bytesReceived: 10 }];
  assert.deepEqual(readingOf(firefox), { pair: 'F', bytes: 10, answers: 0, requests: 0, ageMs: null, roundTripMs: 0 });
  assert.equal(readingOf([]), null);
});

test('the uplink: the loss of the last seconds, by the scale of the server', () => {
  assert.deepEqual([0, 0.02, 0.05, 0.1, 0.3].map((loss) => scoreOf(loss, 0)), [5, 4, 3, 2, 1]);
  assert.deepEqual([scoreOf(0, 400), scoreOf(0, 700), scoreOf(0.3, 700)], [4, 3, 1]);
  const uplink = new Uplink();
  let now = 0;
  const second = (/** @type {number} */ sent, /** @type {number} */ lost) => {
    now += 1000;
    uplink.add([{ id: 'O', type: 'outbound-rtp', packetsSent: sent }, { id: 'R', type: 'remote-inbound-rtp', localId: 'O', packetsLost: lost, roundTripTime: 0.02 }], now);
    return uplink.score;
  };
  assert.deepEqual([1, 2, 3, 4, 5].map((n) => second(n * 100, 0)), [null, null, null, null, 5]);
  assert.deepEqual([6, 7, 8, 9].map((n) => second(n * 100, (n - 5) * 20)), [3, 2, 2, 1]);
  uplink.add([], now + 100);
  assert.equal(uplink.score, 1, 'sooner than a second it says nothing new');
  assert.equal(second(0, 0), null, 'another connection counts anew');
  uplink.reset(now);
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map((n) => second(n * 100, n < 3 ? 0 : 90)), [null, null, null, null, null, null, null], 'an interruption is not counted');
  assert.equal(second(800, 90), 5);
});
