import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SignalSocket } from '../protocol/socket.js';
import { FakeClock, FakeSocket, settle, welcome } from './fakes.js';

const YES = { ok: true, room: 'demo', username: 'Alice', peers: 0 };
const NOBODY = { ok: false, status: 0, code: 'unreachable', message: '', retryAfterMs: 0 };

/** @param {any} [validateAnswer] @param {object} [more] */
function setup(validateAnswer = YES, more = {}) {
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
    now: () => clock.now,
    ...more,
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

test('retryNow does not wait, and begins an attempt anew only when it hangs', () => {
  const { clock, sockets, socket } = setup();
  socket.connect();
  socket.retryNow();
  assert.equal(sockets.length, 1);
  sockets[0].receive('welcome', welcome());
  socket.retryNow();
  assert.equal(sockets.length, 1, 'an open socket is not touched');
  sockets[0].drop(1006);
  socket.retryNow();
  assert.equal(sockets.length, 2);
  clock.advance(1000);
  socket.retryNow();
  assert.equal(sockets.length, 2, 'it may still come');
  clock.advance(1);
  socket.retryNow();
  assert.equal(sockets.length, 3);
  assert.deepEqual([sockets[1].closed, sockets[1].code], [true, 4002]);
});

test('the first join has ten seconds, and then the reason is asked for', async () => {
  const { clock, sockets, socket, endings } = setup();
  socket.connect();
  clock.advance(9999);
  assert.equal(sockets[0].closed, false);
  clock.advance(1);
  await settle();
  assert.deepEqual(endings.map((e) => e.code), ['websocket_blocked']);
});

test('a server that answers nothing, not even over HTTP, cannot be reached', async () => {
  const { clock, socket, endings } = setup(() => new Promise(() => undefined));
  socket.connect();
  clock.advance(20000);
  await settle();
  assert.deepEqual(endings.map((e) => e.code), ['unreachable']);
});

test('the network is away: somebody knocks every 2.75 s with a WebSocket, and is inside as soon as it opens', async () => {
  const asked = [];
  const { clock, sockets, socket } = setup(YES, { validate: async () => (asked.push(1), NOBODY) });
  socket.connect();
  clock.advance(40);
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1006);
  clock.advance(500);
  for (let n = 2; n <= 25; n += 1) {
    assert.equal(sockets.length, n);
    clock.advance(2500);
    assert.deepEqual([sockets[n - 1].closed, sockets[n - 1].code, socket.state], [true, 4002, 'waiting']);
    clock.advance(250);
    await settle();
  }
  assert.equal(asked.length, 0, 'a request would wait for the TCP connection of the one before');
  sockets[25].receive('welcome', welcome({ resumed: true }));
  assert.equal(socket.state, 'open');
});

test('an attempt has 2.5 s, and more where the last one that succeeded took long', async () => {
  const { clock, sockets, socket } = setup(NOBODY);
  socket.connect();
  clock.advance(2000);
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1006);
  clock.advance(500 + 6999);
  assert.equal(sockets[1].closed, false);
  clock.advance(1);
  assert.equal(sockets[1].closed, true);
});

test('a server that refuses fast is given time, whatever was silent before', async () => {
  const { clock, sockets, socket } = setup(NOBODY);
  socket.connect();
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1006);
  clock.advance(500 + 2500 + 250);
  assert.equal(sockets.length, 3);
  sockets[2].drop(1006);
  await settle();
  clock.advance(999);
  assert.deepEqual([sockets.length, socket.state], [3, 'waiting']);
  clock.advance(1);
  assert.equal(sockets.length, 4);
});

/** The server is away and its machine is not: every WebSocket fails at once. @param {ReturnType<typeof setup>} all */
async function refuseFor({ clock, sockets }, /** @type {number} */ ms) {
  for (let passed = 0; passed < ms; passed += 100) {
    clock.advance(100);
    const last = sockets.at(-1);
    if (last && !last.closed) last.drop(1006);
    await settle();
  }
}

test('after some failures the server is asked over HTTP before a WebSocket is opened', async () => {
  let answer = /** @type {any} */ (NOBODY);
  const all = setup(() => answer);
  const { clock, sockets, socket } = all;
  socket.connect();
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1006);
  await refuseFor(all, 60000);
  assert.equal(sockets.length, 3);
  answer = YES;
  for (let n = 0; n < 70 && sockets.length === 3; n += 1) {
    clock.advance(100);
    await settle();
  }
  assert.equal(sockets.length, 4);
  clock.advance(4999);
  assert.equal(sockets[3].closed, false, 'a server that has answered over HTTP has more time');
  clock.advance(1);
  assert.equal(sockets[3].closed, true);
});

test('a dead socket is found within two seconds of a doubt, and replaced at once', async () => {
  const { clock, sockets, socket, states } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  clock.advance(5000);
  const first = socket.check();
  assert.equal(socket.check(), first, 'one check at a time');
  assert.deepEqual(sockets[0].sentOf('ping').map((m) => m.data), ['1']);
  sockets[0].receive('pong', '1');
  assert.equal(await first, true);
  const second = socket.check();
  clock.advance(1999);
  assert.equal(sockets[0].closed, false);
  clock.advance(1);
  assert.deepEqual([sockets[0].closed, sockets[0].code], [true, 4002]);
  assert.equal(await second, false);
  await settle();
  assert.equal(sockets.length, 2, 'as soon as the server answers over HTTP');
  assert.deepEqual(states, ['connecting', 'open', 'connecting']);
  assert.equal(await socket.check(), false, 'none is open');
});

test('a server that is slow is not found dead again and again', async () => {
  const { clock, sockets, socket } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  socket.check();
  clock.advance(2000);
  await settle();
  sockets[1].receive('welcome', welcome({ resumed: true }));
  assert.equal(sockets[1].sentOf('ping').length, 1, 'it is asked at once');
  clock.advance(3500);
  assert.equal(sockets[1].closed, false);
  sockets[1].receive('pong', sockets[1].sentOf('ping')[0].data);
  socket.check();
  clock.advance(9999);
  assert.equal(sockets[1].closed, false, 'three round trips and more');
  clock.advance(1);
  assert.equal(sockets[1].closed, true);
});

test('anything that comes is a sign of life, but not what had waited in the page', async () => {
  const { clock, sockets, socket } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  const check = socket.check();
  sockets[0].receive('speakers', { speakers: [] });
  clock.advance(2000);
  assert.deepEqual([sockets.length, sockets[0].sentOf('ping').length], [1, 2], 'asked once more');
  sockets[0].receive('speakers', { speakers: [] });
  clock.advance(2000);
  assert.equal(await check, true);
  const stale = socket.check();
  sockets[0].receive('speakers', { speakers: [] });
  clock.advance(4000);
  assert.equal(await stale, false);
  await settle();
  assert.equal(sockets.length, 2);
});

test('a quiet socket is asked every 15 s, one that speaks is not', async () => {
  const { clock, sockets, socket } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  for (let n = 0; n < 6; n += 1) {
    clock.advance(10000);
    sockets[0].receive('speakers', { speakers: [] });
  }
  assert.equal(sockets[0].sentOf('ping').length, 0);
  clock.advance(15000);
  assert.equal(sockets[0].sentOf('ping').length, 1);
  clock.advance(2000);
  await settle();
  assert.equal(sockets.length, 2);
});

test('a page that slept through the time for the answer asks again', async () => {
  const { clock, sockets, socket } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  const check = socket.check();
  clock.sleep(60000);
  assert.deepEqual([sockets.length, sockets[0].sentOf('ping').length], [1, 2]);
  sockets[0].receive('pong', '1');
  assert.equal(await check, true);
});

test('a server that knows no ping is never thought dead for that', async () => {
  const { clock, sockets, socket, messages } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  const check = socket.check();
  sockets[0].receive('error', { code: 'unknown_event', message: 'x', event: 'ping' });
  assert.equal(await check, true);
  clock.advance(100000);
  assert.deepEqual([sockets.length, sockets[0].sentOf('ping').length], [1, 1]);
  assert.equal(await socket.check(), true);
  assert.deepEqual(messages.map((m) => m.event), ['welcome'], 'it is nobody\'s business but the socket\'s');
});

test('a page that goes away says so with 4000, and may come back', () => {
  const { clock, sockets, socket, states } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  socket.away();
  assert.deepEqual([sockets[0].closed, sockets[0].code], [true, 4000]);
  clock.advance(100000);
  assert.equal(sockets.length, 1, 'nothing comes back by itself');
  socket.back();
  assert.equal(sockets.length, 2);
  assert.deepEqual(states, ['connecting', 'open', 'away', 'connecting']);
});

test('whoever was inside by an earlier life of the page is not sent away by a server that is not there', async () => {
  const { clock, sockets, socket, endings } = setup(NOBODY, { inside: true });
  socket.connect();
  sockets[0].drop(1006);
  await settle();
  clock.advance(500);
  assert.deepEqual([sockets.length, endings.length], [2, 0]);
});

test('a server that restarts is remembered until it is back', async () => {
  let answer = /** @type {any} */ (YES);
  const { clock, sockets, socket } = setup(() => answer);
  socket.connect();
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1006);
  assert.equal(socket.restarting, false);
  answer = { ok: false, status: 503, code: 'draining', message: '', retryAfterMs: 0 };
  clock.advance(500);
  sockets[1].drop(1006);
  await settle();
  assert.equal(socket.restarting, true);
  clock.advance(1000);
  sockets[2].receive('welcome', welcome());
  assert.equal(socket.restarting, false);
  sockets[2].drop(1012, 'restart');
  assert.equal(socket.restarting, true);
});

test('the last place is waited for by whoever was inside', () => {
  const { clock, sockets, socket, endings } = setup();
  socket.connect();
  sockets[0].receive('welcome', welcome());
  sockets[0].drop(1012);
  clock.advance(500);
  sockets[1].drop(1013);
  assert.equal(endings.length, 0);
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
  assert.deepEqual([sockets[0].closed, sockets[0].code], [true, 1000]);
  assert.equal(sockets[0].onclose, null);
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
