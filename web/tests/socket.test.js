import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SignalSocket } from '../protocol/socket.js';
import { FakeClock, FakeSocket, settle, welcome } from './fakes.js';

/** @param {any} [validateAnswer] */
function setup(validateAnswer = { ok: true, room: 'demo', username: 'Alice', peers: 0 }) {
  const clock = new FakeClock();
  /** @type {FakeSocket[]} */
  const sockets = [];
  /** @type {string[]} */
  const states = [];
  /** @type {any[]} */
  const endings = [];
  /** @type {any[]} */
  const messages = [];
  let query = { room: 'demo', protocol: '1' };
  const socket = new SignalSocket({
    url: 'ws://host/aq_server/websocket',
    parameters: () => query,
    validate: async () => (typeof validateAnswer === 'function' ? validateAnswer() : validateAnswer),
    onMessage: (m) => messages.push(m),
    onState: (s) => states.push(s),
    onEnd: (e) => endings.push(e),
    open: (url) => {
      const made = new FakeSocket(url);
      sockets.push(made);
      return /** @type {any} */ (made);
    },
    setTimer: clock.setTimer,
    clearTimer: clock.clearTimer,
    random: () => 0,
  });
  return { clock, sockets, states, endings, messages, socket, setQuery: (/** @type {any} */ q) => (query = q) };
}

test('nothing is sent before the welcome, and everything after it', () => {
  const { sockets, socket } = setup();
  socket.connect();
  assert.equal(socket.send('chat', 'early'), false);
  sockets[0].receive('welcome', welcome());
  assert.equal(socket.send('chat', 'now'), true);
  assert.deepEqual(sockets[0].sent, [{ event: 'chat', data: 'now' }]);
  assert.throws(() => socket.connect());
});

test('a lost socket comes back with fresh parameters, later each time, and at once after a welcome', async () => {
  const { clock, sockets, socket, states, setQuery } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  setQuery({ room: 'demo', protocol: '1', resume: 't' });
  sockets[0].drop(1006);
  assert.equal(socket.state, 'waiting');
  clock.advance(499);
  assert.equal(sockets.length, 1);
  clock.advance(1);
  assert.equal(sockets.length, 2);
  assert.equal(sockets[1].url.searchParams.get('resume'), 't');
  sockets[1].drop(1006);
  await settle();
  clock.advance(999);
  assert.equal(sockets.length, 2);
  clock.advance(1);
  assert.equal(sockets.length, 3);
  sockets[2].receive('welcome', welcome({ resumed: true }));
  sockets[2].drop(1012, 'restart');
  clock.advance(500);
  assert.equal(sockets.length, 4, 'the count of failures began anew');
  assert.deepEqual(states, ['connecting', 'open', 'waiting', 'connecting', 'waiting', 'connecting', 'open', 'waiting', 'connecting']);
});

test('retryNow does not wait, and does nothing to a socket that is being opened', () => {
  const { sockets, socket } = setup();
  socket.connect();
  socket.retryNow();
  assert.equal(sockets.length, 1);
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1006);
  socket.retryNow();
  assert.equal(sockets.length, 2);
});

test('a socket that stays silent is given up after ten seconds', async () => {
  const { clock, sockets, socket } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1006);
  clock.advance(500);
  clock.advance(10000);
  assert.equal(sockets[1].closed, true);
  await settle();
  clock.advance(1000);
  assert.equal(sockets.length, 3);
});

test('4009 and its like end it, once, and a late close of an old socket changes nothing', () => {
  const { sockets, socket, endings } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  const old = sockets[0].onclose;
  sockets[0].drop(4009, 'replaced');
  old?.({ code: 1006, reason: '' });
  assert.equal(socket.state, 'closed');
  assert.deepEqual(endings.map((e) => e.code), ['replaced']);
  assert.equal(socket.send('chat', 'x'), false);
});

test('leaving says so and closes for good', () => {
  const { clock, sockets, socket, endings } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  socket.leave();
  socket.leave();
  assert.deepEqual(sockets[0].sent, [{ event: 'leave', data: '' }]);
  assert.equal(sockets[0].closed, true);
  sockets[0].drop(1000);
  clock.advance(60000);
  assert.equal(sockets.length, 1);
  assert.deepEqual(endings.map((e) => e.code), ['left']);
});

test('the first join: a refusal ends it with the reason of the server', async () => {
  for (const [answer, code] of /** @type {[any, string][]} */ ([
    [{ ok: false, status: 503, code: 'room_full', message: 'full', retryAfterMs: 1000 }, 'room_full'],
    [{ ok: false, status: 400, code: 'bad_room', message: 'bad', retryAfterMs: 0 }, 'bad_room'],
    [{ ok: false, status: 0, code: 'unreachable', message: '', retryAfterMs: 0 }, 'unreachable'],
    [{ ok: true, room: 'demo', username: 'A', peers: 1 }, 'websocket_blocked'],
  ])) {
    const { sockets, socket, endings } = setup(answer);
    socket.connect();
    sockets[0].drop(1006);
    await settle();
    assert.deepEqual(endings.map((e) => e.code), [code]);
  }
});

test('coming back: 503 is waited for as long as the server asks, 400 ends it', async () => {
  let answer = /** @type {any} */ ({ ok: false, status: 503, code: 'draining', message: '', retryAfterMs: 5000 });
  const { clock, sockets, socket, endings } = setup(() => answer);
  socket.connect();
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1012);
  clock.advance(500);
  sockets[1].drop(1006);
  await settle();
  clock.advance(4999);
  assert.equal(sockets.length, 2);
  clock.advance(1);
  assert.equal(sockets.length, 3);
  answer = { ok: false, status: 403, code: 'not_permitted', message: 'no', retryAfterMs: 0 };
  sockets[2].drop(1006);
  await settle();
  assert.deepEqual(endings.map((e) => e.code), ['not_permitted']);
});
