import assert from 'node:assert/strict';
import { test } from 'node:test';

import { callModel } from '../model.js';
import { Session } from '../session.js';
import { FakePeerConnection, FakeStream, FakeTrack } from './fakemedia.js';
import { chat, FakeClock, FakeSocket, peer, settle, welcome } from './fakes.js';

/** What is faked of the clock; Node 18 takes a list, later ones an object. */
const timeouts = /** @type {any} */ (process.versions.node.startsWith('18.') ? ['setTimeout'] : { apis: ['setTimeout'] });

globalThis.MediaStream = /** @type {any} */ (FakeStream);

const SUPPORT = { webrtc: true, secure: true, devices: true, screen: true, speaker: true };
const LOCAL = /** @type {any} */ ({ on: { microphone: true, camera: false, screen: false }, problems: {}, devices: {}, chosen: {}, asking: false });
const OFFER = { type: 'offer', sdp: JSON.stringify([{ mid: '0', kind: 'audio' }, { mid: '1', kind: 'video' }, { mid: '2', kind: 'video', sends: true }]) };
const TRACKS = {
  tracks: [{ mid: '2', track_id: 't_1', peer_id: 'p_1', kind: 'video', source: 'camera' }],
  publish: [{ mid: '0', kind: 'audio', source: 'microphone' }, { mid: '1', kind: 'video', source: 'camera' }],
  unassigned: [],
};

/** @param {{webrtc?: boolean}} [options] */
function setup({ webrtc = true } = {}) {
  const clock = new FakeClock();
  /** @type {FakeSocket[]} */
  const sockets = [];
  /** @type {FakePeerConnection[]} */
  const connections = [];
  /** @type {any[]} */
  const notices = [];
  const session = new Session({
    url: 'ws://host/ws',
    validate: async () => ({ ok: true, room: 'demo', username: 'Alice', peers: 0 }),
    webrtc,
    onChange: () => undefined,
    onNotice: (n) => notices.push(n),
    socket: {
      open: (url) => {
        const made = new FakeSocket(url);
        sockets.push(made);
        return /** @type {any} */ (made);
      },
      setTimer: clock.setTimer,
      clearTimer: clock.clearTimer,
      random: () => 0,
    },
    peerLink: {
      create: () => {
        const pc = new FakePeerConnection();
        connections.push(pc);
        return /** @type {any} */ (pc);
      },
    },
  });
  /** @param {object} [change] */
  const join = async (change = {}) => {
    session.join({ room: 'demo', username: 'Alice' });
    const socket = sockets[sockets.length - 1];
    socket.receive('welcome', welcome({ peers: [peer('p_1', 'Bob')], ...change }));
    socket.receive('tracks', TRACKS);
    socket.receive('offer', OFFER, { offer_id: 1 });
    await settle();
    return socket;
  };
  const model = () => callModel(session.state, LOCAL, { camera: null, screen: null }, SUPPORT);
  return { clock, sockets, connections, notices, session, join, model };
}

test('a join: welcome, own state, answer with the number of the offer, a tile with a picture', async () => {
  const { session, join, sockets, model } = setup();
  session.setDevices({ microphone: true, camera: false });
  const socket = await join();
  assert.equal(sockets[0].url.search, '?room=demo&username=Alice&protocol=1');
  assert.deepEqual(JSON.parse(socket.sentOf('state')[0].data), { microphone: true, camera: false, hand: false });
  assert.equal(socket.sentOf('answer')[0].offer_id, 1);
  const tiles = model().tiles;
  assert.deepEqual(tiles.map((t) => [t.key, t.self, t.stream !== null, t.trackId]), [['p_me:camera', true, false, null], ['p_1:camera', false, true, 't_1']]);
  assert.equal(session.state.phase, 'joined');
});

test('a lost socket: resume with keep goes on with the same connection, and nothing said is lost', async () => {
  const { session, join, sockets, connections, clock, model } = setup();
  const first = await join({ chat: [chat('5')] });
  connections[0].become('connected');
  first.drop(1006);
  assert.equal(model().connection.kind, 'reconnecting');
  session.sendChat('while away');
  session.setHand(true);
  connections[0].onicecandidate({ candidate: { toJSON: () => ({ candidate: 'late' }) } });
  clock.advance(500);
  assert.deepEqual(Object.fromEntries(sockets[1].url.searchParams), { room: 'demo', username: 'Alice', protocol: '1', resume: 'token-1', media: 'keep', last_chat: '5' });
  sockets[1].receive('welcome', welcome({ resumed: true, peers: [peer('p_1', 'Bob')], chat: [chat('6')], resume: { token: 'token-2', window_seconds: 30 } }));
  assert.equal(connections[0].connectionState, 'connected');
  assert.deepEqual(sockets[1].sentOf('chat').map((m) => m.data), ['while away']);
  assert.equal(sockets[1].sentOf('candidate').length, 1);
  assert.equal(JSON.parse(sockets[1].sentOf('state')[0].data).hand, true);
  assert.equal(model().connection.kind, 'connected');
  sockets[1].receive('chat', 'while away', { id: '7', from: 'p_me', username: 'Alice', timestamp: 't' });
  assert.deepEqual(session.state.pendingChat, []);
  assert.deepEqual(session.state.room.chat.map((m) => m.id), ['5', '6', '7']);
});

test('a message that had arrived before the loss is not said twice', async () => {
  const { session, join, sockets, clock } = setup();
  const first = await join();
  session.sendChat('once');
  first.drop(1006);
  clock.advance(500);
  sockets[1].receive('welcome', welcome({ resumed: true, chat: [chat('9', { from: 'p_me', message: 'once' })] }));
  assert.equal(sockets[1].sentOf('chat').length, 0);
  assert.deepEqual(session.state.pendingChat, []);
});

test('the server has forgotten us: a new connection, screen and views are asked for again', async () => {
  const { session, join, sockets, connections, clock } = setup();
  const first = await join();
  session.setViews([{ track_id: 't_1', width: 640, height: 360 }]);
  session.setTrack('screen', /** @type {any} */ (new FakeTrack('video')));
  assert.deepEqual(JSON.parse(first.sentOf('publish')[0].data), { source: 'screen', kind: 'video' });
  first.drop(1012, 'restart');
  clock.advance(500);
  sockets[1].receive('welcome', welcome({ peers: [] }));
  assert.equal(connections[0].connectionState, 'closed');
  assert.equal(sockets[1].sentOf('publish').length, 1);
  assert.equal(sockets[1].sentOf('view').length, 1);
  sockets[1].receive('tracks', TRACKS);
  sockets[1].receive('offer', OFFER, { offer_id: 1 });
  await settle();
  assert.equal(sockets[1].sentOf('answer').length, 1);
  assert.equal(connections.length, 2);
});

test('replaced by another window: it ends, with words, and does not come back', async () => {
  const { session, join, sockets, clock } = setup();
  (await join()).drop(4009, 'replaced');
  clock.advance(100000);
  assert.equal(sockets.length, 1);
  assert.equal(session.state.phase, 'ended');
  assert.equal(session.state.ending?.code, 'replaced');
  session.join({ room: 'demo', username: 'Alice' });
  assert.equal(sockets[1].url.searchParams.has('resume'), false);
});

test('media that cannot connect: a new connection, and something is sent so that the server offers again', async (t) => {
  t.mock.timers.enable(timeouts);
  const { join, connections, model } = setup();
  const socket = await join();
  const before = socket.sent.length;
  socket.receive('error', { code: 'media_not_connected', message: 'x', event: '' });
  assert.equal(connections[0].connectionState, 'closed');
  assert.equal(model().connection.kind, 'media-lost');
  t.mock.timers.tick(2000);
  assert.equal(socket.sent.length, before + 1);
  socket.receive('offer', OFFER, { offer_id: 1 });
  await settle();
  connections[1].become('connected');
  assert.equal(model().connection.kind, 'connected');
});

test('a lost media path is repaired by restart', async (t) => {
  t.mock.timers.enable(timeouts);
  const { join, connections, model } = setup();
  const socket = await join();
  connections[0].become('connected');
  connections[0].become('disconnected');
  assert.equal(model().connection.kind, 'media-lost');
  t.mock.timers.tick(2000);
  assert.equal(socket.sentOf('restart').length, 1);
  connections[0].become('connected');
  t.mock.timers.tick(60000);
  assert.equal(socket.sentOf('restart').length, 1);
});

test('without WebRTC there is chat, and offers stay unanswered', async () => {
  const { join, connections, session } = setup({ webrtc: false });
  const socket = await join();
  assert.equal(connections.length, 0);
  assert.equal(socket.sentOf('answer').length, 0);
  session.sendChat('hello');
  assert.equal(socket.sentOf('chat').length, 1);
  const model = callModel(session.state, LOCAL, { camera: null, screen: null }, { ...SUPPORT, webrtc: false });
  assert.equal(model.connection.kind, 'chat-only');
  assert.equal(model.may.camera, false);
});

test('notices: who came, went, raised a hand, wrote or shares a screen; nothing about oneself', async () => {
  const { join, notices } = setup();
  const socket = await join();
  socket.receive('peer_joined', peer('p_2', 'Carol'));
  socket.receive('peer_updated', peer('p_2', 'Carol', { hand: true }));
  socket.receive('peer_updated', peer('p_2', 'Carol', { hand: true, camera: false }));
  socket.receive('peer_updated', peer('p_me', 'Alice', { hand: true }));
  socket.receive('tracks', { ...TRACKS, tracks: [...TRACKS.tracks, { mid: '5', track_id: 's', peer_id: 'p_2', kind: 'video', source: 'screen' }] });
  socket.receive('peer_left', { peer_id: 'p_2', username: 'Carol', reason: 'left' });
  socket.receive('chat', 'hi', { id: '1', from: 'p_1', username: 'Bob' });
  socket.receive('error', { code: 'not_permitted', message: 'you may not do that', event: 'publish' });
  assert.deepEqual(notices.map((n) => n.kind), ['joined', 'hand', 'screen', 'left', 'chat', 'error']);
});

test('the model: lost people, screens large, a camera that is off shows no picture', async () => {
  const { join, model } = setup();
  const socket = await join();
  socket.receive('peer_updated', peer('p_1', 'Bob', { camera: false, connection: 'lost', microphone: false }));
  socket.receive('tracks', { ...TRACKS, tracks: [{ mid: '2', track_id: 's', peer_id: 'p_1', kind: 'video', source: 'screen' }] });
  const bob = model().tiles.filter((t) => t.peerId === 'p_1');
  assert.deepEqual(bob.map((t) => [t.source, t.stream !== null, t.lost, t.microphone]), [['camera', false, true, false], ['screen', true, true, false]]);
});
