import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PendingChat } from '../protocol/pendingchat.js';
import { Session } from '../session.js';
import { FakePeerConnection } from './fakemedia.js';
import { chat, FakeClock, FakeSocket, peer, settle, welcome } from './fakes.js';

/** @param {object} [change] of the welcome */
async function visit(change = {}) {
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
    webrtc: true,
    onChange: () => undefined,
    onNotice: (n) => notices.push(n),
    openSocket: (url) => /** @type {any} */ (sockets[sockets.push(new FakeSocket(url)) - 1]),
    createLink: () => /** @type {any} */ (connections[connections.push(new FakePeerConnection()) - 1]),
    clock: { setTimer: clock.setTimer, clearTimer: clock.clearTimer, now: () => clock.now, random: () => 0 },
  });
  session.join({ room: 'demo', username: 'Alice' });
  sockets[0].receive('welcome', welcome({ peers: [peer('p_1', 'Bob')], files: { max_bytes: 1000 }, ...change }));
  await settle();
  /** @param {object} change */
  const back = async (change) => {
    sockets[sockets.length - 1].drop(1006);
    clock.advance(500);
    const socket = sockets[sockets.length - 1];
    socket.receive('welcome', welcome({ resumed: true, files: { max_bytes: 1000 }, ...change }));
    await settle();
    return socket;
  };
  return { clock, sockets, connections, notices, session, back };
}

/** What is said of chat. @param {FakeSocket} socket */
const said = (socket) => socket.sentOf('chat').map((m) => [m.data, m.to ?? '']);

test('a private message goes to one, and is sent again as one until it has come back', async () => {
  const { session, sockets, back } = await visit();
  session.sendChat('hello');
  session.sendChat('hello', 'p_1');
  session.sendChat('just us', 'p_1');
  assert.deepEqual(said(sockets[0]), [['hello', ''], ['hello', 'p_1'], ['just us', 'p_1']]);
  assert.deepEqual(session.state.pendingChat, ['hello']);
  assert.deepEqual(session.state.pendingPrivate, [{ text: 'hello', to: 'p_1' }, { text: 'just us', to: 'p_1' }]);
  sockets[0].receive('chat', 'hello', chat('5', { from: 'p_me', to: 'p_1', message: 'hello' }));
  assert.deepEqual([session.state.pendingChat, session.state.pendingPrivate], [['hello'], [{ text: 'just us', to: 'p_1' }]]);
  // Only the echo of one was lost, the other never arrived.
  const socket = await back({ peers: [peer('p_1', 'Bob')], chat: [chat('6', { from: 'p_me', message: 'hello' })] });
  assert.deepEqual(said(socket), [['just us', 'p_1']]);
  assert.deepEqual(session.state.pendingChat, []);
  socket.receive('error', { code: 'no_such_peer', message: 'gone', event: 'chat' });
  assert.deepEqual(session.state.pendingPrivate, []);
  assert.deepEqual(session.state.room.chat.map((m) => [m.id, m.to]), [['5', 'p_1'], ['6', '']]);
});

test('what was refused is the oldest, to whomever it was', () => {
  const pending = new PendingChat();
  pending.reset(['from before']);
  pending.add({ text: 'a', to: 'p_1' });
  pending.add({ text: 'b', to: '' });
  pending.refused();
  pending.refused();
  assert.deepEqual(pending.state, { pendingChat: ['b'], pendingPrivate: [] });
});

test('reactions go out and come in', async () => {
  const { session, sockets, notices } = await visit();
  session.react('👏');
  assert.deepEqual(sockets[0].sentOf('reaction').map((m) => JSON.parse(m.data)), [{ emoji: '👏' }]);
  sockets[0].receive('reaction', { reactions: [{ peer_id: 'p_1', emoji: '🎉' }] });
  assert.deepEqual(notices, [{ kind: 'reactions', reactions: [{ peer_id: 'p_1', emoji: '🎉' }] }]);
});

test('files: offers, the channel of the connection, a break, the end of the visit', async () => {
  const { session, sockets, connections, notices, back } = await visit();
  sockets[0].receive('file', { action: 'offer', file_id: 4, from: 'p_1', name: 'a.txt', size: 3, type: 'text/plain' });
  assert.deepEqual(notices.map((n) => [n.kind, n.transfer.name]), [['file', 'a.txt']]);
  const { key } = session.state.files[0];
  session.files.accept(key);
  assert.deepEqual(session.state.files.map((f) => f.state), ['moving']);
  const channel = { label: 'files', onmessage: (/** @type {any} */ _event) => undefined };
  /** @type {any} */ (connections[0]).ondatachannel({ channel });
  channel.onmessage({ data: Uint8Array.from([0, 0, 0, 4, 0, 0, 0, 0, 65, 66, 67]).buffer });
  assert.equal(session.state.files[0].state, 'done');
  session.files.offer(new File(['x'.repeat(1001)], 'b'));
  session.files.offer(new File(['x'], 'c'), 'p_1');
  sockets[0].receive('error', { code: 'no_such_peer', message: 'gone', event: 'file', ref: '2' });
  assert.deepEqual(session.state.files.map((f) => f.reason), ['', 'file_too_large', 'no_such_peer']);
  sockets[0].receive('file', { action: 'offer', file_id: 5, from: 'p_1', name: 'd', size: 3 });
  const socket = await back({ peers: [peer('p_1', 'Bob')] });
  socket.receive('files', { files: [] });
  assert.equal(session.state.files[3].reason, 'lost');
  socket.receive('file', { action: 'offer', file_id: 6, from: 'p_1', name: 'e', size: 3 });
  session.leave();
  socket.drop(1000);
  assert.deepEqual(session.state.files.map((f) => f.state), ['done', 'ended', 'ended', 'ended', 'ended']);
});
