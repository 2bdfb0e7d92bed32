import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attemptLimit, backoff } from '../protocol/backoff.js';
import './english.js';
import { comesBack, endingOf, endingOfRefusal } from '../protocol/ending.js';
import { endingText, sentence } from '../ui/words.js';
import { decode, encode } from '../protocol/messages.js';
import { EMPTY, partner, reduce, tracksByPeer } from '../protocol/roomstate.js';
import { validate } from '../protocol/validate.js';
import { ViewSync } from '../protocol/viewsync.js';
import { chat, peer, welcome } from './fakes.js';

/** @param {string} event @param {any} data */
const message = (event, data) => /** @type {any} */ (decode(JSON.stringify({ event, data: JSON.stringify(data) })));

test('data is always a string on the wire', () => {
  assert.deepEqual(JSON.parse(encode('chat', 'Hello')), { event: 'chat', data: 'Hello' });
  assert.deepEqual(JSON.parse(encode('state', { hand: true })), { event: 'state', data: '{"hand":true}' });
  assert.deepEqual(JSON.parse(encode('leave')), { event: 'leave', data: '' });
  assert.deepEqual(JSON.parse(encode('answer', { type: 'answer' }, { offer_id: 3 })), { event: 'answer', data: '{"type":"answer"}', offer_id: 3 });
});

test('an offer carries its number', () => {
  const frame = JSON.stringify({ event: 'offer', offer_id: 7, data: JSON.stringify({ type: 'offer', sdp: 'v=0' }) });
  assert.deepEqual(decode(frame), { event: 'offer', data: { type: 'offer', sdp: 'v=0' }, offerId: 7 });
});

test('what is no message of ours is ignored, and never throws', () => {
  const frames = [
    'not json', '[]', 'null', '42', '{}', '{"event":1}', '{"event":"offer","data":"{}"}', '{"event":"offer"}',
    '{"event":"offer","data":{"type":"offer","sdp":"x"}}', '{"event":"welcome","data":"[]"}', '{"event":"poll","data":"{}"}',
    new ArrayBuffer(4), undefined,
  ];
  for (const frame of frames) assert.equal(decode(frame), null, String(frame));
});

test('missing and mistyped fields get their empty value', () => {
  assert.deepEqual(message('tracks', { tracks: [null, { mid: '2' }, 5] }).data, {
    tracks: [{ mid: '2', track_id: '', peer_id: '', kind: '', source: '' }],
    publish: [],
    unassigned: [],
  });
  assert.deepEqual(message('welcome', {}).data.permissions, { publish: [], subscribe: false, chat: false, moderate: false });
  assert.equal(message('welcome', { resume: { token: '' } }).data.resume, null);
  assert.equal(message('quality', { rtt_ms: 'x' }).data.rtt_ms, 0);
});

test('layers: null means a track without layers, an empty list that nobody watches', () => {
  const { data } = message('layers', { tracks: [{ mid: '1', source: 'camera', rids: null }, { mid: '5', source: 'screen', rids: [] }] });
  assert.deepEqual(data.map((/** @type {any} */ l) => l.rids), [null, []]);
});

test('a chat event is read from its top level; data and message are the same text', () => {
  const frame = JSON.stringify({ event: 'chat', data: 'Hi', time: '14:32:15', id: '17', from: 'p_1', to: 'p_2', username: 'Bob', timestamp: 't' });
  assert.deepEqual(decode(frame)?.data, { id: '17', from: 'p_1', to: 'p_2', username: 'Bob', message: 'Hi', time: '14:32:15', timestamp: 't' });
});

test('backoff: 0.5 to 3 s, doubled, at most 7 s, never in step', () => {
  assert.equal(backoff(0, () => 0), 500);
  assert.equal(backoff(0, () => 1), 3000);
  assert.equal(backoff(1, () => 0), 1000);
  assert.equal(backoff(2, () => 0.2), 4000);
  assert.equal(backoff(3, () => 0.2), 4200, 'at the cap: between half of it and all');
  for (const random of [0, 0.5, 1]) {
    for (let failures = 0; failures < 2000; failures += 1) {
      const ms = backoff(failures, () => random);
      assert.ok(ms >= 500 && ms <= 7000, `${failures} failures: ${ms}`);
    }
  }
  assert.deepEqual([backoff(50, () => 0), backoff(50, () => 1)], [3500, 7000]);
});

test('an attempt may take 2.5 to 10 s, by what the last one took', () => {
  assert.deepEqual([null, 0, 500, 1000, 9000].map(attemptLimit), [10000, 2500, 2500, 4000, 10000]);
});

test('close codes: which come back, and words for the others', () => {
  for (const [code, reason] of [[1001, ''], [1005, ''], [1006, ''], [1011, 'internal'], [1012, 'restart'], [4008, 'keepalive timeout'], [1008, 'slow consumer']]) {
    for (const inside of [false, true]) assert.ok(comesBack(Number(code), String(reason), inside), `${code} ${reason}`);
  }
  assert.ok(comesBack(1013, '', true), 'who was inside waits for a place');
  for (const [code, reason] of [[1000, ''], [1002, ''], [1003, ''], [1007, ''], [1008, 'rate limit'], [1008, 'too many errors'], [1009, ''], [1013, ''], [4001, ''], [4003, ''], [4009, 'replaced']]) {
    assert.ok(!comesBack(Number(code), String(reason), false), `${code} ${reason}`);
    const ending = endingText(endingOf(Number(code), String(reason)));
    assert.ok(ending.title && ending.text, `${code} has words`);
  }
  assert.equal(endingOf(4009, '').code, 'replaced');
});

test('a refused join is explained', () => {
  const refusal = (/** @type {string} */ code, message = '') => endingText(endingOfRefusal({ ok: false, status: 503, code, message, retryAfterMs: 0 }));
  for (const code of ['unreachable', 'websocket_blocked', 'room_full', 'server_full', 'too_many_rooms', 'draining']) assert.ok(refusal(code).text.length > 10, code);
  assert.match(refusal('bad_room', 'the room name is too long').text, /1 to 64/);
  assert.deepEqual(refusal('newer_than_us', 'the moon is in the way'), { title: 'You cannot join', text: 'The moon is in the way.' });
  assert.notEqual(refusal('removed').text, endingText(endingOf(4003, 'removed')).text, 'who was removed, and who wants to come back');
  assert.equal(sentence('why?'), 'Why?');
  assert.equal(sentence('  '), '');
});

test('validate: admission, refusal, and a server that is not there', async () => {
  const answer = (/** @type {number} */ status, /** @type {object} */ body, headers = {}) => /** @type {any} */ (async () => new Response(JSON.stringify(body), { status, headers }));
  const who = { room: 'a b', username: 'Zoë' };
  assert.deepEqual(await validate('http://x/validate', who, { fetch: answer(200, { room: 'a b', username: 'Zoë', peers: 3 }) }), { ok: true, room: 'a b', username: 'Zoë', peers: 3, names: [] });
  assert.deepEqual(
    await validate('http://x/validate', who, { fetch: answer(503, { error: { code: 'room_full', message: 'full' } }, { 'Retry-After': '5' }) }),
    { ok: false, status: 503, code: 'room_full', message: 'full', retryAfterMs: 5000 },
  );
  const dead = /** @type {any} */ (async () => { throw new TypeError('refused'); });
  assert.equal(/** @type {any} */ (await validate('http://x/validate', who, { fetch: dead })).code, 'unreachable');
  const html = /** @type {any} */ (async () => new Response('<html>', { status: 502 }));
  assert.equal(/** @type {any} */ (await validate('http://x/validate', who, { fetch: html })).status, 502);
  /** @type {string[]} */
  const asked = [];
  await validate('http://x/validate', who, { fetch: /** @type {any} */ (async (/** @type {string} */ url) => { asked.push(url); return new Response('{}'); }) });
  assert.deepEqual(asked, ['http://x/validate?room=a+b&username=Zo%C3%AB']);
});

test('room state: people come, change and go', () => {
  let state = reduce(EMPTY, message('welcome', welcome({ peers: [peer('p_1', 'Bob')] })));
  state = reduce(state, message('peer_joined', peer('p_2', 'Carol')));
  state = reduce(state, message('speakers', { speakers: [{ peer_id: 'p_2', level: 0.5 }, { peer_id: 'p_1', level: 0.1 }] }));
  assert.deepEqual([...state.peers.keys()], ['p_1', 'p_2']);
  assert.deepEqual([...state.speakers.keys()], ['p_2', 'p_1']);
  state = reduce(state, message('peer_updated', peer('p_1', 'Bobby', { camera: false })));
  assert.equal(state.peers.get('p_1')?.username, 'Bobby');
  state = reduce(state, message('peer_updated', peer('p_me', 'Alice B.', { hand: true })));
  assert.equal(state.username, 'Alice B.');
  assert.equal(state.peers.has('p_me'), false);
  state = reduce(state, message('peer_left', { peer_id: 'p_2', username: 'Carol', reason: 'left' }));
  assert.deepEqual([...state.peers.keys()], ['p_1']);
  assert.deepEqual([...state.speakers.keys()], ['p_1']);
});

test('room state: chat has no duplicates, even where a restarted server counts anew', () => {
  let state = reduce(EMPTY, message('welcome', welcome({ chat: [chat('1'), chat('2')] })));
  state = reduce(state, message('welcome', welcome({ resumed: true, chat: [chat('2'), chat('3')] })));
  assert.deepEqual(state.chat.map((m) => m.id), ['1', '2', '3']);
  state = reduce(state, message('welcome', welcome({ chat: [chat('1', { timestamp: '2026-11-23T11:00:00Z' })] })));
  assert.deepEqual(state.chat.map((m) => m.id), ['1', '2', '3', '1']);
  const same = reduce(state, { event: 'chat', data: chat('3') });
  assert.equal(same.chat, state.chat);
});

test('room state: private messages stand among the others, and stay when the room is cleared', () => {
  let state = reduce(EMPTY, message('welcome', welcome({ chat: [chat('1')] })));
  state = reduce(state, { event: 'chat', data: /** @type {any} */ (chat('2', { to: 'p_me' })) });
  state = reduce(state, { event: 'chat', data: /** @type {any} */ (chat('3', { from: 'p_me', to: 'p_1' })) });
  assert.deepEqual(state.chat.map((m) => m.id), ['1', '2', '3']);
  assert.deepEqual(state.chat.map((m) => partner(m, 'p_me')), ['', 'p_1', 'p_1']);
  state = reduce(state, message('chat_cleared', { last_id: '3' }));
  assert.deepEqual(state.chat.map((m) => m.id), ['2', '3']);
});

test('reactions are a list, whatever comes', () => {
  assert.deepEqual(message('reaction', { reactions: [{ peer_id: 'p_1', emoji: '👏' }, null, { emoji: 5 }] }).data, [
    { peer_id: 'p_1', emoji: '👏' },
    { peer_id: '', emoji: '' },
  ]);
  assert.deepEqual(message('reaction', {}).data, []);
});

test('room state: a resumed session keeps its m-lines, a new one has none', () => {
  const tracks = { tracks: [{ mid: '2', track_id: 't1', peer_id: 'p_1', kind: 'video', source: 'camera' }], publish: [], unassigned: [{ track_id: 't2', peer_id: 'p_2', kind: 'video', source: 'camera' }] };
  let state = reduce(reduce(EMPTY, message('welcome', welcome())), message('tracks', tracks));
  assert.deepEqual(tracksByPeer(state).get('p_1'), { camera: { trackId: 't1', mid: '2' } });
  assert.deepEqual(tracksByPeer(state).get('p_2'), { camera: { trackId: 't2', mid: null } });
  state = reduce(state, message('welcome', welcome({ resumed: true })));
  assert.equal(state.tracks.tracks.length, 1);
  state = reduce(state, message('welcome', welcome()));
  assert.equal(state.tracks.tracks.length, 0);
});

test('views: only what changed is told, and all of it again to another session', () => {
  /** @type {any[]} */
  const told = [];
  let open = true;
  const sync = new ViewSync((entries) => open && told.push(entries) > 0);
  sync.set([{ track_id: 'a', width: 10, height: 5 }, { track_id: 'b', hidden: true }]);
  sync.set([{ track_id: 'a', width: 10, height: 5 }, { track_id: 'b', width: 4, height: 2 }]);
  assert.deepEqual(told.splice(0), [[{ track_id: 'a', width: 10, height: 5 }, { track_id: 'b', hidden: true }], [{ track_id: 'b', width: 4, height: 2 }]]);
  sync.setBackground(true);
  assert.deepEqual(told.splice(0), [[{ track_id: 'a', hidden: true }, { track_id: 'b', hidden: true }]]);
  open = false;
  sync.setBackground(false);
  open = true;
  sync.flush();
  assert.deepEqual(told.splice(0), [[{ track_id: 'a', width: 10, height: 5 }, { track_id: 'b', width: 4, height: 2 }]]);
  sync.set([{ track_id: 'b', width: 4, height: 2 }]);
  assert.deepEqual(told, []);
  sync.forget();
  sync.flush();
  assert.deepEqual(told, [[{ track_id: 'b', width: 4, height: 2 }]]);
});
