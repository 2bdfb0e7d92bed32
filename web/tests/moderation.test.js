import assert from 'node:assert/strict';
import { test } from 'node:test';

import './english.js';
import { moderatedText, obey, permissionTexts } from '../page/discipline.js';
import { happenings } from '../protocol/happenings.js';
import { decode } from '../protocol/messages.js';
import { EMPTY, reduce } from '../protocol/roomstate.js';
import { comesBack, endingOf } from '../protocol/ending.js';
import { Session } from '../session.js';
import { FakePeerConnection, FakeStream } from './fakemedia.js';
import { chat, FakeClock, FakeSocket, peer, settle, welcome } from './fakes.js';

globalThis.MediaStream = /** @type {any} */ (FakeStream);

/** @param {string} event @param {any} data */
const message = (event, data) => {
  const decoded = decode(JSON.stringify({ event, data: JSON.stringify(data) }));
  assert.ok(decoded, event);
  return decoded;
};

function visit() {
  const clock = new FakeClock();
  /** @type {FakeSocket[]} */
  const sockets = [];
  /** @type {any[]} */
  const notices = [];
  const session = new Session({
    url: 'ws://host/ws',
    validate: async () => ({ ok: true, room: 'demo', username: 'Alice', peers: 0 }),
    webrtc: true,
    onChange: () => undefined,
    onNotice: (n) => notices.push(n),
    openSocket: (url) => {
      const made = new FakeSocket(url);
      sockets.push(made);
      return /** @type {any} */ (made);
    },
    createLink: () => /** @type {any} */ (new FakePeerConnection()),
    clock: { setTimer: clock.setTimer, clearTimer: clock.clearTimer, now: () => clock.now, random: () => 0 },
  });
  session.join({ room: 'demo', username: 'Alice' });
  return { clock, sockets, notices, session };
}

test('who waits for longer than an attempt may take is not given up, and comes in', async () => {
  const { clock, sockets, session } = visit();
  sockets[0].receive('lobby', { room: 'demo', username: 'Alice' });
  assert.equal(session.state.lobby, true);
  clock.advance(600_000);
  assert.equal(sockets.length, 1);
  assert.equal(session.state.phase, 'joining');
  sockets[0].receive('welcome', welcome());
  await settle();
  assert.equal(session.state.phase, 'joined');
  assert.equal(session.state.lobby, false);
});

test('who is not let in is told so, and does not come back by himself', () => {
  const { sockets, session, clock } = visit();
  sockets[0].receive('lobby', { room: 'demo', username: 'Alice' });
  sockets[0].drop(4003, 'refused');
  clock.advance(60_000);
  assert.equal(session.state.ending?.code, 'refused');
  assert.equal(session.state.lobby, false);
  assert.equal(sockets.length, 1);
  for (const reason of ['removed', 'refused', 'locked']) assert.equal(comesBack(4003, reason, true), false);
  assert.equal(endingOf(4003, 'removed').code, 'removed');
});

test('whoever gives up waiting leaves', () => {
  const { sockets, session } = visit();
  sockets[0].receive('lobby', { room: 'demo', username: 'Alice' });
  session.leave();
  assert.equal(sockets[0].code, 1000);
  assert.equal(session.state.phase, 'ended');
});

test('what was muted meanwhile is not said to be on by who comes back', async () => {
  const { sockets, session } = visit();
  session.setDevices({ microphone: true, camera: true });
  sockets[0].receive('welcome', welcome({ muted: ['microphone'] }));
  await settle();
  assert.deepEqual(JSON.parse(sockets[0].sentOf('state')[0].data), { microphone: false, camera: true, hand: false });
});

test('what a moderator does goes out as it is', async () => {
  const { sockets, session, notices } = visit();
  sockets[0].receive('welcome', welcome({ permissions: { publish: [], subscribe: true, chat: true, moderate: true }, peers: [peer('p_1', 'Bob', { moderator: true, muted: ['camera', 'nose'] })] }));
  assert.deepEqual(session.state.room.peers.get('p_1')?.state.muted, ['camera']);
  session.moderate({ action: 'mute', peer_id: 'p_1', source: 'microphone', hard: true });
  session.admit({ peer_id: 'p_2', admit: false });
  assert.deepEqual(JSON.parse(sockets[0].sentOf('moderate')[0].data), { action: 'mute', peer_id: 'p_1', source: 'microphone', hard: true });
  assert.deepEqual(JSON.parse(sockets[0].sentOf('admit')[0].data), { peer_id: 'p_2', admit: false });
  sockets[0].receive('moderated', { action: 'mute', source: 'camera', by: 'p_1', username: 'Bob' });
  sockets[0].receive('permissions', { publish: [], subscribe: true, chat: false, moderate: false });
  assert.deepEqual(notices.map((n) => n.kind), ['moderated', 'permissions']);
  assert.equal(session.state.room.permissions.chat, false);
});

test('the state of the room: policy, who waits, a cleared chat', () => {
  let room = reduce(EMPTY, message('welcome', welcome({ chat: [chat('9'), chat('10'), chat('11')], policy: { locked: true, lobby: false, screen: false, chat: true } })));
  assert.deepEqual(room.policy, { locked: true, lobby: false, screen: false, chat: true });
  room = reduce(room, message('chat_cleared', { last_id: '10' }));
  assert.deepEqual(room.chat.map((m) => m.id), ['11']);
  room = reduce(room, message('policy', { locked: false, lobby: true, screen: true, chat: false }));
  assert.equal(room.policy.lobby, true);
  const knock = message('knock', { waiting: [{ peer_id: 'p_7', username: 'Eve' }, 5] });
  assert.deepEqual(happenings(room, knock), [{ kind: 'knock', name: 'Eve', peerId: 'p_7' }]);
  room = reduce(room, knock);
  assert.deepEqual(happenings(room, knock), []);
  assert.equal(room.waiting.length, 1);
  room = reduce(room, message('permissions', { publish: ['microphone'], subscribe: true, chat: true, moderate: false }));
  assert.equal(room.waiting.length, 0);
  assert.deepEqual(happenings(room, message('notice', { text: 'hello' })), [{ kind: 'told', text: 'hello' }]);
});

test('the devices obey, and there are words for all of it', () => {
  /** @type {string[]} */
  const done = [];
  const local = { setMicrophone: (/** @type {boolean} */ on) => done.push(`mic ${on}`), setCamera: (/** @type {boolean} */ on) => done.push(`cam ${on}`), stopScreen: () => void done.push('screen') };
  obey(['microphone', 'camera', 'screen_audio'], local);
  assert.deepEqual(done, ['mic false', 'cam false', 'screen']);
  const told = { action: 'mute', source: /** @type {const} */ ('microphone'), hard: true, by: 'p_1', username: 'Bob' };
  assert.match(moderatedText(told), /^Bob turned off your microphone.*cannot/);
  assert.match(moderatedText({ ...told, username: '', hard: false }), /^The administrator/);
  assert.equal(moderatedText({ ...told, action: 'dance' }), '');
  const all = { publish: /** @type {any} */ (['screen']), subscribe: true, chat: true, moderate: false };
  assert.equal(permissionTexts(all, { ...all, moderate: true, publish: [], chat: false }).length, 3);
  assert.deepEqual(permissionTexts(all, all), []);
});
