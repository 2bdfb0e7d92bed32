import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PeerLink } from '../media/peerlink.js';
import { FakePeerConnection, FakeStream, FakeTrack } from './fakemedia.js';
import { FakeClock, settle } from './fakes.js';

globalThis.MediaStream = /** @type {any} */ (FakeStream);

const PUBLISH = /** @type {any} */ ([
  { mid: '0', kind: 'audio', source: 'microphone', rids: [] },
  { mid: '1', kind: 'video', source: 'camera', rids: ['q', 'h', 'f'] },
]);
const LINES = [{ mid: '0', kind: 'audio' }, { mid: '1', kind: 'video', rids: ['q', 'h', 'f'] }];
/** @param {object[]} lines */
const offer = (lines) => /** @type {any} */ ({ type: 'offer', sdp: JSON.stringify(lines) });

function setup() {
  const clock = new FakeClock();
  /** @type {FakePeerConnection[]} */
  const made = [];
  /** @type {any[]} */
  const answers = [];
  /** @type {string[]} */
  const states = [];
  /** @type {any[]} */
  const errors = [];
  const link = new PeerLink({
    onAnswer: (answer, id) => answers.push([id, answer.sdp]),
    onCandidate: () => undefined,
    onReceivers: () => undefined,
    onState: (state) => states.push(state),
    onError: (error) => errors.push(error),
    onFailed: () => states.push('(failed)'),
    setTimer: clock.setTimer,
    clearTimer: clock.clearTimer,
    now: () => clock.now,
    create: () => {
      const pc = new FakePeerConnection();
      made.push(pc);
      return /** @type {any} */ (pc);
    },
  });
  return { clock, made, answers, states, errors, link };
}

test('an offer is answered at once as sendonly, without waiting for the camera', async () => {
  const { link, made, answers } = setup();
  link.prepare();
  link.setPublish(PUBLISH);
  await link.offer(offer(LINES), 1);
  assert.deepEqual(answers, [[1, '0:sendonly 1:sendonly']]);
  assert.equal(made.length, 1, 'the prepared connection is used');
  const camera = new FakeTrack('video');
  link.setTrack('camera', /** @type {any} */ (camera));
  assert.equal(made[0].transceivers[1].sender.track, camera);
  link.setTrack('camera', null);
  assert.equal(made[0].transceivers[1].sender.track, null);
});

test('a track that is there before the offer is attached, and only to its own m-line', async () => {
  const { link, made } = setup();
  const microphone = new FakeTrack('audio');
  link.setTrack('microphone', /** @type {any} */ (microphone));
  link.setPublish(PUBLISH);
  await link.offer(offer([...LINES, { mid: '2', kind: 'audio', sends: true }]), 1);
  assert.deepEqual(made[0].transceivers.map((t) => t.sender.track), [microphone, null, null]);
  assert.deepEqual(made[0].transceivers.map((t) => t.direction), ['sendonly', 'sendonly', 'recvonly']);
  assert.deepEqual([...link.receivers.keys()], ['2']);
});

test('layers nobody watches are switched off, one change at a time', async () => {
  const { link, made } = setup();
  link.setPublish(PUBLISH);
  await link.offer(offer(LINES), 1);
  link.setLayers([{ mid: '1', source: 'camera', rids: ['q'] }]);
  link.setLayers([{ mid: '1', source: 'camera', rids: ['q', 'h'] }]);
  await settle();
  const { encodings } = made[0].transceivers[1].sender.parameters;
  assert.deepEqual(encodings.map((/** @type {any} */ e) => [e.rid, e.active, e.maxBitrate]), [['q', true, 180000], ['h', true, 650000], ['f', false, 2200000]]);
});

test('offers are answered one after the other', async () => {
  const { link, answers } = setup();
  link.setPublish(PUBLISH);
  link.offer(offer(LINES), 1);
  await link.offer(offer([...LINES, { mid: '2', kind: 'video', sends: true }]), 2);
  assert.deepEqual(answers.map(([id]) => id), [1, 2]);
});

test('an offer that comes again with the same text is answered again, on the same connection', async () => {
  const { link, made, answers } = setup();
  link.setPublish(PUBLISH);
  await link.offer(offer(LINES), 1);
  await link.offer(offer(LINES), 1);
  assert.deepEqual(answers, [[1, '0:sendonly 1:sendonly'], [1, '0:sendonly 1:sendonly']]);
  assert.equal(made.length, 1);
  const more = offer([...LINES, { mid: '2', kind: 'video', sends: true }]);
  link.offer(more, 2);
  await link.offer(more, 2);
  assert.deepEqual(answers.map(([id]) => id), [1, 1, 2, 2]);
  await link.offer(offer([...LINES, { mid: '9', kind: 'video', sends: true }]), 1);
  assert.equal(made.length, 2, 'another first offer begins a new connection');
});

test('an offer of the next visit does not wait for one that was under way when the connection was closed', async () => {
  const { link, made, answers } = setup();
  link.prepare();
  // As browsers do: what a closed connection was asked for never settles.
  made[0].setRemoteDescription = () => new Promise(() => {});
  link.offer(offer(LINES), 1);
  await settle();
  link.drop();
  link.offer(offer(LINES), 1);
  await settle();
  assert.deepEqual(answers.map(([id]) => id), [1]);
  assert.equal(made.length, 2);
});

test('candidates wait for their description', async () => {
  const { link, made } = setup();
  link.candidate({ candidate: 'a' });
  const done = link.offer(offer(LINES), 1);
  link.candidate({ candidate: 'b' });
  await done;
  link.candidate({ candidate: 'c' });
  assert.deepEqual(made[0].candidates.map((c) => c.candidate), ['a', 'b', 'c']);
});

test('candidates and descriptions of an ICE restart may come in any order', async () => {
  const { link, made } = setup();
  const generation = (/** @type {string} */ ufrag) => /** @type {any} */ ({ type: 'offer', sdp: JSON.stringify(LINES) + `\r\na=ice-ufrag:${ufrag}\r\n` });
  const seen = () => made[0].candidates.map((c) => c.candidate);
  await link.offer(generation('one'), 1);
  link.candidate({ candidate: 'early 1 udp 1 ::1 9 typ host', usernameFragment: 'two' });
  link.candidate({ candidate: 'early 2 udp 1 ::1 9 typ host ufrag two' });
  link.candidate({ candidate: 'now', usernameFragment: 'one' });
  assert.deepEqual(seen(), ['now'], 'a browser would refuse those of the generation to come');
  const restarted = link.offer(generation('two'), 2);
  link.candidate({ candidate: 'meanwhile', usernameFragment: 'two' });
  await restarted;
  assert.deepEqual(seen().slice(1).map((c) => c.split(' ').slice(0, 2).join(' ')), ['early 1', 'early 2', 'meanwhile']);
  link.candidate({ candidate: 'late', usernameFragment: 'one' });
  link.candidate({ candidate: 'plain' });
  assert.deepEqual(seen().slice(4), ['plain'], 'one of a generation that is over does no harm');
});

test('a connection that falls silent is lost before the browser says so, and back with the first packet', async () => {
  const { link, made, states, clock } = setup();
  link.setPublish(PUBLISH);
  link.setTrack('microphone', /** @type {any} */ (new FakeTrack('audio')));
  await link.offer(offer(LINES), 1);
  made[0].become('connected');
  const pass = async (/** @type {number} */ ms, /** @type {number} */ bytes) => {
    for (let passed = 0; passed < ms; passed += 50) {
      made[0].arrived += bytes;
      clock.advance(50);
      await settle();
    }
  };
  await pass(6000, 100);
  await pass(1000, 0);
  assert.deepEqual(states, ['connected']);
  await pass(1600, 0);
  assert.deepEqual(states, ['connected', 'lost']);
  await pass(300, 100);
  assert.deepEqual(states, ['connected', 'lost', 'connected']);
  await pass(6000, 100);
  await pass(2500, 0);
  made[0].become('disconnected');
  await pass(5000, 0);
  made[0].become('connected');
  assert.deepEqual(states.slice(3), ['lost', 'connected']);
  link.drop();
  assert.equal(clock.timers.length, 0);
});

test('an offer with number 1 begins a new connection and keeps our tracks', async () => {
  const { link, made } = setup();
  const camera = new FakeTrack('video');
  link.setTrack('camera', /** @type {any} */ (camera));
  link.setPublish(PUBLISH);
  await link.offer(offer([...LINES, { mid: '2', kind: 'video', sends: true }]), 1);
  await link.offer(offer(LINES), 1);
  assert.equal(made.length, 2);
  assert.equal(made[0].connectionState, 'closed');
  assert.equal(made[1].transceivers[1].sender.track, camera);
  assert.equal(link.receivers.size, 0);
});

test('a connection that was dropped says nothing more', async () => {
  const { link, made, answers, states } = setup();
  const done = link.offer(offer(LINES), 1);
  link.drop();
  await done;
  made[0].become('connected');
  assert.deepEqual([answers, states], [[], []]);
  assert.equal(link.alive, false);
});

test('a bad offer is reported, and the next one works', async () => {
  const { link, errors, answers } = setup();
  link.setPublish(PUBLISH);
  await link.offer(/** @type {any} */ ({ type: 'offer', sdp: 'bad' }), 1);
  await link.offer(offer(LINES), 2);
  assert.equal(errors.length, 1);
  assert.deepEqual(answers.map(([id]) => id), [2]);
});

test('states of the connection in four words', async () => {
  const { link, made, states } = setup();
  await link.offer(offer(LINES), 1);
  for (const state of ['connecting', 'connected', 'disconnected', 'failed', 'connected', 'closed']) made[0].become(state);
  assert.deepEqual(states, ['connecting', 'connected', 'lost', '(failed)', 'connected', 'new']);
});
