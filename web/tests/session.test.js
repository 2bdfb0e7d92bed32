import assert from 'node:assert/strict';
import { test } from 'node:test';

import './english.js';
import { callModel } from '../model.js';
import { Session } from '../session.js';
import { FakePeerConnection, FakeStream, FakeTrack } from './fakemedia.js';
import { chat, FakeClock, FakeSocket, peer, settle, welcome } from './fakes.js';

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
    openSocket: (url) => {
      const made = new FakeSocket(url);
      sockets.push(made);
      return /** @type {any} */ (made);
    },
    createLink: () => {
      const pc = new FakePeerConnection();
      connections.push(pc);
      return /** @type {any} */ (pc);
    },
    clock: { setTimer: clock.setTimer, clearTimer: clock.clearTimer, now: () => clock.now, random: () => 0 },
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
  const model = (world = {}) => callModel(session.state, LOCAL, { camera: null, screen: null }, SUPPORT, { now: clock.now, online: true, weak: null, ...world });
  return { clock, sockets, connections, notices, session, join, model };
}

test('a join: welcome, own state, answer with the number of the offer, a tile with a picture', async () => {
  const { session, join, sockets, model } = setup();
  session.setDevices({ microphone: true, camera: false });
  const socket = await join();
  assert.equal(sockets[0].url.search, '?room=demo&username=Alice&protocol=1&attempt=1');
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
  assert.deepEqual(Object.fromEntries(sockets[1].url.searchParams), { room: 'demo', username: 'Alice', protocol: '1', attempt: '500', resume: 'token-1', media: 'keep', last_chat: '5' });
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

test('media that cannot connect: a new connection, and something is sent so that the server offers again', async () => {
  const { clock, join, connections, model } = setup();
  const socket = await join();
  const before = socket.sent.length;
  socket.receive('error', { code: 'media_not_connected', message: 'x', event: '' });
  assert.equal(connections[0].connectionState, 'closed');
  assert.equal(model().connection.kind, 'media-lost');
  clock.advance(2000);
  assert.equal(socket.sent.length, before + 1);
  socket.receive('offer', OFFER, { offer_id: 1 });
  await settle();
  connections[1].become('connected');
  assert.equal(model().connection.kind, 'connected');
});

test('a lost media path: restart is asked once the socket has shown that it lives, and not after it healed', async () => {
  const { clock, join, connections, model } = setup();
  const socket = await join();
  connections[0].become('connected');
  connections[0].become('disconnected');
  assert.equal(model().connection.kind, 'media-lost');
  await settle();
  clock.advance(900);
  assert.equal(socket.sentOf('restart').length, 0, 'no sign of life yet');
  socket.receive('pong', socket.sentOf('ping')[0].data);
  await settle();
  clock.advance(250);
  await settle();
  assert.equal(socket.sentOf('restart').length, 1);
  connections[0].become('connected');
  clock.advance(14000);
  assert.deepEqual([socket.sentOf('restart').length, socket.sentOf('ping').length], [1, 1]);
});

test('a failed path is repaired at once, whatever was asked before', async () => {
  const { clock, join, connections } = setup();
  const socket = await join();
  connections[0].become('connected');
  connections[0].become('disconnected');
  /** @param {number} n */
  const pong = async (n) => {
    await settle();
    socket.receive('pong', socket.sentOf('ping')[n].data);
    await settle();
    clock.advance(250);
    await settle();
  };
  await pong(0);
  clock.advance(300);
  connections[0].become('failed');
  await pong(1);
  assert.equal(socket.sentOf('restart').length, 2);
});

test('an outage takes socket and media: the socket is replaced, and no restart waits in it', async () => {
  const { clock, join, connections, sockets } = setup();
  const socket = await join();
  connections[0].become('connected');
  connections[0].become('disconnected');
  await settle();
  clock.advance(2000);
  await settle();
  assert.deepEqual([socket.closed, socket.code, sockets.length], [true, 4002, 2], 'the server answers over HTTP');
  connections[0].arrived = 1000;
  sockets[1].receive('welcome', welcome({ resumed: true }));
  await settle();
  sockets[1].receive('pong', sockets[1].sentOf('ping')[0].data);
  await settle();
  connections[0].arrived = 2000; // the path heals, and the browser has not said so yet
  clock.advance(250);
  await settle();
  assert.deepEqual([socket.sentOf('restart').length, sockets[1].sentOf('restart').length], [0, 0]);
});

test('the way back is told, with how long one was away', async () => {
  const { clock, join, connections, sockets, notices } = setup();
  const socket = await join();
  connections[0].become('connected');
  assert.deepEqual(notices, []);
  socket.drop(1006);
  clock.advance(500);
  sockets[1].receive('welcome', welcome({ resumed: true, peers: [peer('p_1', 'Bob')] }));
  assert.deepEqual(notices, [{ kind: 'back', what: 'call', awayMs: 500 }]);
  connections[0].become('disconnected');
  clock.advance(1000);
  connections[0].become('connected');
  assert.deepEqual(notices[1], { kind: 'back', what: 'media', awayMs: 1000 });
  sockets[1].drop(1012);
  clock.advance(500);
  sockets[2].receive('welcome', welcome({ peers: [peer('p_1', 'Bob')] }));
  clock.advance(700);
  assert.equal(notices.length, 2, 'nobody is back before sound and picture are');
  sockets[2].receive('tracks', TRACKS);
  sockets[2].receive('offer', OFFER, { offer_id: 1 });
  await settle();
  connections[1].become('connected');
  assert.deepEqual(notices[2], { kind: 'back', what: 'call', awayMs: 1200 });
});

test('the words of an absence: what has happened, and after eight seconds why', async () => {
  const { clock, join, connections, model } = setup();
  const socket = await join();
  connections[0].become('connected');
  const text = (world = {}) => model(world).connection.text;
  assert.equal(text({ online: false }), 'Connected', 'what the browser thinks of the network alone is nothing to say');
  socket.drop(1006);
  assert.match(text({ online: false }), /Connection lost. Reconnecting/);
  clock.now += 7999;
  assert.match(text(), /Connection lost/);
  clock.now += 1;
  assert.match(text(), /server does not answer/);
  assert.match(text({ online: false }), /network seems to be down/);
  const restarted = setup();
  (await restarted.join()).drop(1012, 'restart');
  assert.match(restarted.model().connection.text, /server is restarting/);
  for (const seen of [text(), text({ online: false }), restarted.model().connection.text]) assert.doesNotMatch(seen, /reload/i);
});

test('a weak network is said while all is connected, and which way it is weak', async () => {
  const { join, connections, model } = setup();
  const socket = await join();
  connections[0].become('connected');
  const texts = ['down', 'up', 'both'].map((weak) => model({ weak }).connection);
  assert.ok(texts.every((c) => c.kind === 'connected' && c.weak && /^Your network is weak/.test(c.text)));
  assert.equal(new Set(texts.map((c) => c.text)).size, 3);
  socket.receive('quality', { score: 2, bandwidth_bps: 1, rtt_ms: 1, loss: 0, paused: [{ track_id: 't_1', reason: 'bandwidth' }] });
  assert.match(model({ weak: 'down' }).connection.text, /paused to keep the sound/);
  assert.equal(model().tiles.find((t) => t.peerId === 'p_1')?.paused, 'bandwidth');
  connections[0].become('disconnected');
  assert.equal(model({ weak: 'down' }).connection.kind, 'media-lost');
});

test('how well one is connected is told when it changes, and to a server that knows nothing; reactions come and go', async () => {
  const { session, join, sockets, notices, clock } = setup();
  const socket = await join();
  const told = (/** @type {any} */ of) => of.sentOf('state').map((/** @type {any} */ m) => JSON.parse(m.data)).filter((/** @type {any} */ s) => 'quality' in s).map((/** @type {any} */ s) => s.quality);
  session.setQuality(2);
  session.setQuality(2);
  assert.deepEqual(told(socket), [2]);
  session.react('👏');
  assert.deepEqual(JSON.parse(socket.sentOf('reaction')[0].data), { emoji: '👏' });
  socket.receive('reaction', { reactions: [{ peer_id: 'p_1', emoji: '🎉' }] });
  assert.deepEqual(notices.at(-1), { kind: 'reactions', reactions: [{ peer_id: 'p_1', emoji: '🎉' }] });
  socket.receive('peer_updated', { peer_id: 'p_1', username: 'Bob', state: { microphone: true, camera: true, hand: false, connection: 'ok', quality: 3 } });
  socket.receive('quality', { score: 5, paused: [], layers: [{ track_id: 't_1', rid: 'h' }] });
  assert.equal(session.state.room.peers.get('p_1')?.state.quality, 3);
  assert.deepEqual(session.state.room.quality?.layers, [{ track_id: 't_1', rid: 'h' }]);
  socket.drop(1006);
  clock.advance(500);
  sockets[1].receive('welcome', welcome({ resumed: false }));
  assert.deepEqual(told(sockets[1]), [2]);
});

test('a page that was loaded again goes on: same token, new media, hand, and what was not answered', async () => {
  const { session, sockets, model, clock } = setup();
  session.setDevices({ microphone: true, camera: true });
  session.join({ room: 'demo', username: 'Alice' }, { token: 'old', peerId: 'p_me', hand: true, lastChat: '5', pendingChat: ['arrived', 'ok'], at: 7 });
  assert.deepEqual([session.state.phase, model().connection.text, model().room], ['reconnecting', 'Coming back into the call…', 'demo']);
  assert.deepEqual(Object.fromEntries(sockets[0].url.searchParams), { room: 'demo', username: 'Alice', protocol: '1', attempt: '8', resume: 'old', media: 'new' });
  sockets[0].drop(1006);
  await settle();
  clock.advance(500);
  assert.equal(sockets.length, 2, 'a server that is not there yet ends nothing');
  const history = [chat('4', { from: 'p_me', message: 'ok' }), chat('6', { from: 'p_me', message: 'arrived' })];
  sockets[1].receive('welcome', welcome({ resumed: true, chat: history }));
  assert.deepEqual(JSON.parse(sockets[1].sentOf('state')[0].data), { microphone: true, camera: true, hand: true });
  assert.deepEqual(sockets[1].sentOf('chat').map((m) => m.data), ['ok'], 'an "ok" of long ago is another one');
  assert.deepEqual(session.state.room.chat.map((m) => m.id), ['4', '6']);
});

test('every attempt has a higher number than those before it, also those of an earlier life', async () => {
  const { session, sockets, clock } = setup();
  session.join({ room: 'demo', username: 'Alice' }, /** @type {any} */ ({ token: 't', peerId: 'p_me', at: 5_000_000_000_000, pendingChat: [], lastChat: '', hand: false }));
  sockets[0].drop(1006);
  await settle();
  clock.advance(3000);
  await settle();
  const numbers = sockets.map((s) => Number(s.url.searchParams.get('attempt')));
  assert.ok(numbers.length >= 2 && numbers[0] > 5_000_000_000_000 && numbers[1] > numbers[0], String(numbers));
});

test('a page that goes away closes with 4000, and one that comes back resumes', async () => {
  const { session, join, sockets, connections } = setup();
  const socket = await join();
  connections[0].become('connected');
  session.away();
  assert.equal(socket.code, 4000);
  session.back();
  assert.equal(sockets[1].url.searchParams.get('resume'), 'token-1');
  assert.equal(sockets[1].url.searchParams.get('media'), 'keep');
});

test('a server that was restarted gets hand, devices, name, screen and unanswered chat, and the chat shown stays', async () => {
  const { session, join, sockets, clock } = setup();
  session.setDevices({ microphone: false, camera: true });
  session.setHand(true);
  const first = await join({ chat: [chat('5')] });
  session.setTrack('screen', /** @type {any} */ (new FakeTrack('video')));
  session.sendChat('not answered');
  first.drop(1006);
  session.rename('Alice B.');
  clock.advance(500);
  sockets[1].receive('welcome', welcome({ peer_id: 'p_new', chat: [chat('90', { from: 'p_9', timestamp: 'later' })], resume: { token: 'token-9', window_seconds: 30 } }));
  assert.deepEqual(JSON.parse(sockets[1].sentOf('state')[0].data), { microphone: false, camera: true, hand: true, username: 'Alice B.' });
  assert.equal(sockets[1].sentOf('publish').length, 1);
  assert.deepEqual(sockets[1].sentOf('chat').map((m) => m.data), ['not answered']);
  assert.deepEqual(session.state.room.chat.map((m) => m.id), ['5', '90']);
});

test('a screen that ended while no socket was open is taken away afterwards', async () => {
  const { session, join, sockets, clock } = setup();
  const first = await join();
  session.setTrack('screen', /** @type {any} */ (new FakeTrack('video')));
  first.drop(1006);
  session.setTrack('screen', null);
  clock.advance(500);
  sockets[1].receive('welcome', welcome({ resumed: true }));
  assert.deepEqual([sockets[1].sentOf('publish').length, sockets[1].sentOf('unpublish').length], [0, 1]);
});

test('without WebRTC there is chat, and offers stay unanswered', async () => {
  const { join, connections, session } = setup({ webrtc: false });
  const socket = await join();
  assert.equal(connections.length, 0);
  assert.equal(socket.sentOf('answer').length, 0);
  session.sendChat('hello');
  assert.equal(socket.sentOf('chat').length, 1);
  const model = callModel(session.state, LOCAL, { camera: null, screen: null }, { ...SUPPORT, webrtc: false }, { now: 0, online: true, weak: null });
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
