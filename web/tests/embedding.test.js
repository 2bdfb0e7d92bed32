import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Embedding, embedOrigins, eventsOf } from '../page/embedding.js';
import { parseParameters, PARTS, visitPreferences } from '../page/parameters.js';
import { forThisVisit, loadPreferences, savePreferences } from '../page/preferences.js';
import { EMPTY } from '../protocol/roomstate.js';

const SITE = 'https://site.example';
const off = { microphone: false, camera: false, screen: false, hand: false };
const peer = (/** @type {string} */ id, /** @type {string} */ username) => [id, { peer_id: id, username, state: {} }];
const message = (/** @type {string} */ id, /** @type {string} */ text) => ({ id, from: 'p_2', username: 'Bob', message: text, time: '10:00:00', timestamp: `2026-01-01T10:00:0${id}Z` });

/** @param {object} [room] @param {object} [rest] @returns {any} */
const inRoom = (room, rest) => ({ phase: 'joined', ending: null, on: { ...off, microphone: true }, ...rest, room: { ...EMPTY, peerId: 'p_1', room: 'demo', username: 'Alice', permissions: { ...EMPTY.permissions, chat: true }, ...room } });
const outside = (/** @type {object} */ rest = {}) => /** @type {any} */ ({ phase: 'idle', ending: null, on: off, room: EMPTY, ...rest });

/** @param {object} [options] */
function framed(options = {}) {
  /** @type {{message: any, target: string}[]} */
  const posted = [];
  /** @type {any[]} */
  const done = [];
  const window = new EventTarget();
  const parent = { postMessage: (/** @type {any} */ message, /** @type {string} */ target) => void posted.push({ message, target }) };
  const act = (/** @type {string} */ name) => (/** @type {any[]} */ ...args) => void done.push([name, ...args]);
  const actions = { join: act('join'), leave: act('leave'), turn: act('turn'), chat: act('chat'), layout: act('layout') };
  const embedding = new Embedding({ window, parent, origins: ['https://meet.example', SITE], ...options }, actions);
  /** @param {any} data @param {object} [from] */
  const receive = (data, from = {}) => window.dispatchEvent(Object.assign(new Event('message'), { source: parent, origin: SITE, data, ...from }));
  return { embedding, posted, done, parent, receive, types: () => posted.map((p) => p.message.type) };
}

test('what happens in the room becomes events', () => {
  const alone = inRoom();
  const both = inRoom({ peers: new Map([peer('p_2', 'Bob')]), chat: [message('1', 'Hi')] });
  assert.deepEqual(eventsOf(outside(), { ...alone, phase: 'joining', room: EMPTY }), []);
  assert.deepEqual(eventsOf(outside(), both), [
    { type: 'joined', room: 'demo', peer_id: 'p_1', username: 'Alice', peers: [{ peer_id: 'p_2', username: 'Bob' }] },
    { type: 'muted', microphone: false, camera: true },
  ], 'the history is no news');
  assert.deepEqual(eventsOf(alone, both), [
    { type: 'peer_joined', peer_id: 'p_2', username: 'Bob' },
    { type: 'chat', id: '1', from: 'p_2', username: 'Bob', message: 'Hi', timestamp: '2026-01-01T10:00:01Z' },
  ]);
  const whispered = inRoom({ peers: both.room.peers, chat: [...both.room.chat, { ...message('2', 'for you alone'), to: 'p_1' }, { ...message('3', 'for all'), to: '' }] });
  assert.deepEqual(eventsOf(both, whispered).map((e) => e.message), ['for all']);
  assert.deepEqual(eventsOf(both, { ...both, phase: 'reconnecting' }), []);
  assert.deepEqual(eventsOf(both, { ...alone, room: { ...alone.room, chat: both.room.chat } }), [{ type: 'peer_left', peer_id: 'p_2', username: 'Bob' }]);
  assert.deepEqual(eventsOf(alone, inRoom({}, { on: { ...off, hand: true } })), [{ type: 'muted', microphone: true, camera: true }, { type: 'hand', on: true }]);
  const ended = outside({ phase: 'ended', ending: { code: 'room_full', message: 'the room is full' } });
  assert.deepEqual(eventsOf(outside({ phase: 'joining' }), ended), [{ type: 'error', code: 'room_full', message: 'the room is full' }]);
  assert.deepEqual(eventsOf(both, ended), [{ type: 'left', code: 'room_full', message: 'the room is full' }]);
  assert.deepEqual(eventsOf(ended, ended), []);
});

test('the frame speaks to permitted origins alone, and to one as soon as it knows which', () => {
  const told = framed({ ancestor: SITE });
  told.embedding.ready(outside());
  assert.deepEqual(told.posted, [{ message: { aq: 1, type: 'ready' }, target: SITE }]);
  const stranger = framed({ ancestor: 'https://evil.example' });
  stranger.embedding.ready(outside());
  stranger.embedding.update(inRoom());
  assert.deepEqual(stranger.posted, []);

  const unknown = framed();
  unknown.embedding.ready(outside());
  assert.deepEqual(unknown.posted.map((p) => p.target), ['https://meet.example', SITE]);
  unknown.receive({ aq: 1, type: 'hello' });
  assert.deepEqual(unknown.posted.slice(2).map((p) => p.target), [SITE]);
});

test('who is not the permitted window above is not heard', () => {
  const { embedding, posted, done, receive } = framed({ ancestor: SITE });
  embedding.ready(inRoom());
  const before = posted.length;
  const leave = { aq: 1, type: 'leave' };
  receive(leave, { source: {} });
  receive(leave, { source: null });
  for (const origin of ['https://evil.example', 'https://site.example.evil.example', 'http://site.example', 'null', '', '*']) receive(leave, { origin });
  for (const data of [null, undefined, 'leave', 7, [], { type: 'leave' }, { aq: 2, type: 'leave' }, { aq: '1', type: 'leave' }, { aq: 1 }, { aq: 1, type: 7 }]) receive(data);
  assert.deepEqual(done, []);
  assert.equal(posted.length, before);
  receive(leave);
  assert.deepEqual(done, [['leave']]);
});

test('commands are carried out, and refused in words where they cannot be', () => {
  const { embedding, posted, done, receive } = framed({ ancestor: SITE });
  /** @param {object} command */
  const refusal = (command) => {
    const before = posted.length;
    receive({ aq: 1, ...command });
    const errors = posted.slice(before).filter((p) => p.message.type === 'error');
    return errors.length > 0 ? errors[0].message.code : '';
  };
  embedding.ready(outside());
  assert.equal(refusal({ type: 'dance' }), 'unknown_command');
  assert.equal(refusal({ type: 'constructor' }), 'unknown_command');
  assert.equal(refusal({ type: 'chat', text: 'too early' }), 'not_in_a_room');
  assert.equal(refusal({ type: 'microphone' }), 'not_in_a_room');
  assert.equal(refusal({ type: 'leave' }), 'not_in_a_room');
  assert.equal(refusal({ type: 'join', room: 7 }), 'bad_command');
  assert.equal(refusal({ type: 'join', microphone: 'yes' }), 'bad_command');
  assert.equal(refusal({ type: 'layout', layout: 'pile' }), 'bad_command');
  assert.deepEqual(done, []);
  assert.equal(refusal({ type: 'join', room: 'demo', camera: false }), '');
  assert.deepEqual(done.splice(0), [['join', { room: 'demo', username: undefined }, { microphone: undefined, camera: false }]]);

  embedding.update(inRoom());
  assert.equal(refusal({ type: 'join' }), 'in_a_room');
  assert.equal(refusal({ type: 'microphone' }), '');
  assert.equal(refusal({ type: 'camera', on: true }), '');
  assert.equal(refusal({ type: 'hand', on: 1 }), 'bad_command');
  assert.equal(refusal({ type: 'chat', text: 'Hello' }), '');
  assert.equal(refusal({ type: 'chat', text: ' ' }), 'bad_command');
  assert.equal(refusal({ type: 'chat', text: 'x'.repeat(4097) }), 'bad_command');
  assert.equal(refusal({ type: 'layout', layout: 'speaker' }), '');
  assert.deepEqual(done, [['turn', 'microphone', false], ['turn', 'camera', true], ['chat', 'Hello'], ['layout', 'speaker']]);
  embedding.update(inRoom({ permissions: { ...EMPTY.permissions, chat: false } }));
  assert.equal(refusal({ type: 'chat', text: 'Hello' }), 'not_permitted');

  const before = posted.length;
  receive({ aq: 1, type: 'hello' });
  assert.deepEqual(posted.slice(before).map((p) => p.message.type), ['ready', 'joined', 'muted']);
});

test('no event holds what only the page may know', () => {
  const { embedding, posted } = framed({ ancestor: SITE });
  const secret = 'SECRET';
  const before = inRoom();
  embedding.ready(before);
  const own = { ...message('1', 'Hi'), token: secret };
  const bob = { peer_id: 'p_2', username: 'Bob', state: {}, token: secret };
  embedding.update({ ...before, token: secret, room: { ...before.room, resume: { token: secret }, token: secret, chat: [own], peers: new Map([['p_2', bob]]) } });
  embedding.update({ ...outside(), phase: 'ended', ending: { code: 'left', message: '', token: secret } });
  assert.ok(posted.length >= 5);
  assert.doesNotMatch(JSON.stringify(posted), /SECRET/);
});

test('the origins that may embed are those of the server and its own', () => {
  assert.deepEqual(embedOrigins('', 'https://meet.example'), ['https://meet.example']);
  assert.deepEqual(embedOrigins(undefined, 'null'), []);
  assert.deepEqual(embedOrigins('https://a.example http://b.example:8080', 'https://meet.example'), ['https://meet.example', 'https://a.example', 'http://b.example:8080']);
  assert.deepEqual(embedOrigins('* https://* {{.EmbedOrigins}} null', 'https://meet.example'), ['https://meet.example']);
});

test('the address is read, and what is not understood says nothing', () => {
  const parse = (/** @type {string} */ text) => parseParameters(new URLSearchParams(text));
  assert.deepEqual(parse(''), { room: null, username: null, layout: null, microphone: null, camera: null, autojoin: false, theme: null, lang: null, hide: [] });
  assert.deepEqual(parse('room=demo&username=Zo%C3%AB&layout=speaker&muted&camera=off&autojoin=1&theme=dark&lang=pt-BR&hide=chat,people,nonsense'), {
    room: 'demo', username: 'Zoë', layout: 'speaker', microphone: false, camera: false, autojoin: true, theme: 'dark', lang: 'pt', hide: ['people', 'chat'],
  });
  assert.deepEqual(parse('muted=0&camera=maybe&layout=pile&theme=pink&lang=%3Cb%3E&hide=').microphone, true);
  assert.deepEqual(parse('muted=maybe&camera=maybe&layout=pile&theme=pink&lang=%3Cb%3E&autojoin=maybe'), parse(''));
  assert.deepEqual(parse(`hide=${PARTS.join(' , ')}`).hide, PARTS);
  assert.deepEqual(visitPreferences(parse('muted&theme=light&lang=DE')), { wantMicrophone: false, theme: 'light', language: 'de' });
});

test('what an address asks for is not remembered as what the person chose', () => {
  /** @type {Record<string, string>} */
  const stored = {};
  const storage = { getItem: (/** @type {string} */ key) => stored[key] ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ value) => void (stored[key] = value) };
  Object.defineProperty(globalThis, 'localStorage', { value: storage, configurable: true });
  try {
    const preferences = loadPreferences();
    forThisVisit(preferences, { wantMicrophone: false, theme: 'dark' });
    assert.deepEqual([preferences.wantMicrophone, preferences.theme], [false, 'dark']);
    preferences.username = 'Alice';
    savePreferences(preferences);
    assert.deepEqual([loadPreferences().wantMicrophone, loadPreferences().theme, loadPreferences().username], [true, 'auto', 'Alice']);
    preferences.theme = 'light';
    savePreferences(preferences);
    assert.deepEqual([loadPreferences().wantMicrophone, loadPreferences().theme], [true, 'light']);
    forThisVisit(preferences, { wantCamera: false });
    savePreferences(preferences);
    assert.deepEqual([loadPreferences().wantMicrophone, loadPreferences().wantCamera, loadPreferences().theme], [true, true, 'light']);
  } finally {
    Reflect.deleteProperty(globalThis, 'localStorage');
  }
});
