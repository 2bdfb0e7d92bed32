import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attachments } from '../client/attachments.js';
import { fileChanges, peerChanges, peersOf, trackChanges, tracksOf } from '../client/facts.js';
import { EMPTY } from '../protocol/roomstate.js';
import { FakeClock } from './fakes.js';

/** @param {string} name */
const stream = (name) => /** @type {any} */ ({ name });
/** @param {number} width @param {number} height @returns {any} */
const video = (width, height) => ({ clientWidth: width, clientHeight: height, srcObject: null, play: () => Promise.resolve() });

function attachments() {
  const clock = new FakeClock();
  /** @type {any[][]} */
  const told = [];
  /** @type {Map<any, (visible?: boolean) => void>} */
  const observed = new Map();
  const all = new Attachments({
    onViews: (views) => void told.push(views),
    scale: () => 2,
    observe: (element, changed) => {
      observed.set(element, changed);
      return () => void observed.delete(element);
    },
    setTimer: clock.setTimer,
  });
  const views = () => {
    clock.advance(1000);
    return told.at(-1);
  };
  return { all, told, observed, clock, views };
}

const bob = (/** @type {any} */ s) => ({ peerId: 'p_2', source: /** @type {const} */ ('camera'), trackId: 't_2', stream: s });

test('a picture is asked for as large as it is shown, and not at all where it is not', () => {
  const { all, observed, views, told, clock } = attachments();
  all.show([bob(stream('bob'))]);
  assert.deepEqual(views(), [{ track_id: 't_2', hidden: true }]);
  const small = video(160, 90);
  const large = video(320, 180);
  all.attach('p_2', small, 'camera');
  const detach = all.attach('p_2', large, 'camera');
  assert.equal(large.srcObject.name, 'bob');
  assert.equal(large.muted, true);
  assert.deepEqual(views(), [{ track_id: 't_2', width: 640, height: 360 }]);
  observed.get(large)?.(false);
  assert.deepEqual(views(), [{ track_id: 't_2', width: 320, height: 180 }]);
  observed.get(small)?.(false);
  assert.deepEqual(views(), [{ track_id: 't_2', hidden: true }]);
  observed.get(large)?.(true);
  large.clientWidth = 400;
  const before = told.length;
  for (let i = 0; i < 10; i++) observed.get(large)?.();
  clock.advance(1000);
  assert.equal(told.length, before + 1, 'ten changes at once are told once');
  assert.deepEqual(views(), [{ track_id: 't_2', width: 800, height: 360 }]);
  detach();
  assert.equal(large.srcObject, null);
  assert.equal(observed.has(large), false);
  assert.deepEqual(views(), [{ track_id: 't_2', hidden: true }]);
});

test('an element follows its person, and an element shows one person', () => {
  const { all, views } = attachments();
  const element = video(100, 100);
  all.attach('p_2', element, 'camera');
  assert.equal(element.srcObject, null, 'he has no camera yet');
  all.show([bob(stream('one'))]);
  assert.equal(element.srcObject.name, 'one');
  all.show([bob(stream('two'))]);
  assert.equal(element.srcObject.name, 'two');
  all.show([]);
  assert.equal(element.srcObject, null);
  all.show([bob(stream('bob')), { peerId: 'p_3', source: 'camera', trackId: 't_3', stream: stream('carol') }, { peerId: 'p_1', source: 'camera', trackId: null, stream: stream('own') }]);
  all.attach('p_3', element, 'camera');
  assert.equal(element.srcObject.name, 'carol');
  assert.deepEqual(views(), [{ track_id: 't_2', hidden: true }, { track_id: 't_3', width: 200, height: 200 }], 'our own picture comes from nowhere');
  all.size('p_2', 'camera', { width: 64, height: 48 });
  assert.deepEqual(views()?.[0], { track_id: 't_2', width: 64, height: 48 });
  all.size('p_2', 'camera', null);
  assert.deepEqual(views()?.[0], { track_id: 't_2', hidden: true });
  all.stop();
  assert.equal(element.srcObject, null);
});

/** @param {object} room @param {object} [rest] @returns {any} */
const session = (room, rest) => ({ room: { ...EMPTY, ...room }, streams: new Map(), ...rest });
const state = { microphone: true, camera: false, hand: false, connection: 'ok', moderator: false, muted: [] };

test('the session in the words of the client', () => {
  const tracks = {
    tracks: [{ mid: '2', track_id: 't_2', peer_id: 'p_2', kind: 'video', source: 'screen' }],
    publish: [],
    unassigned: [{ track_id: 't_3', peer_id: 'p_2', kind: 'video', source: 'camera' }],
  };
  const one = session({ peers: new Map([['p_2', { peer_id: 'p_2', username: 'Bob', state }]]) });
  const two = session({ peers: new Map([['p_2', { peer_id: 'p_2', username: 'Bob', state: { ...state, connection: 'lost' } }]]), tracks }, { streams: new Map([['2', 'S']]) });
  const bob = { id: 'p_2', name: 'Bob', microphone: true, camera: false, screen: false, hand: false, moderator: false, lost: false };
  assert.deepEqual([...peersOf(one).values()], [bob]);
  assert.deepEqual(peerChanges(new Map(), peersOf(one)), [{ change: 'joined', peer: bob }]);
  assert.deepEqual(peerChanges(peersOf(one), peersOf(one)), []);
  assert.deepEqual(peerChanges(peersOf(one), peersOf(two)), [{ change: 'updated', peer: { ...bob, screen: true, lost: true } }]);
  assert.deepEqual(peerChanges(peersOf(one), new Map()), [{ change: 'left', peer: bob }]);

  const screen = { peerId: 'p_2', source: 'screen', kind: 'video' };
  assert.deepEqual(trackChanges(tracksOf(one), tracksOf(two)), [{ ...screen, stream: 'S' }], 'a track without an m-line is no stream');
  assert.deepEqual(trackChanges(tracksOf(two), tracksOf(two)), []);
  assert.deepEqual(trackChanges(tracksOf(two), tracksOf(one)), [{ ...screen, stream: null }]);
  assert.deepEqual(trackChanges(tracksOf(two), tracksOf({ ...two, streams: new Map() })), [{ ...screen, stream: null }]);
});

test('a file is told of when it is new and when something about it has changed', () => {
  const file = (/** @type {string} */ key, /** @type {number} */ bytes) => /** @type {any} */ ({ key, bytes, state: 'moving', receivers: [] });
  assert.deepEqual(fileChanges([], [file('a', 0)]), [file('a', 0)]);
  assert.deepEqual(fileChanges([file('a', 0), file('b', 1)], [file('a', 0), file('b', 2), file('c', 0)]), [file('b', 2), file('c', 0)]);
  assert.deepEqual(fileChanges([file('a', 0)], []), [], 'one that is forgotten is no news');
});
