import assert from 'node:assert/strict';
import { test } from 'node:test';

import './fakedom.js';
import './english.js';
import { relativeDay } from '../i18n/format.js';
import { blur, canBlur } from '../media/devices.js';
import { forgetRoom, noteRoom, recentRooms } from '../page/recentrooms.js';
import { newRoomName, words } from '../page/roomnames.js';
import { wanted } from '../page/sounds.js';
import { roomIn } from '../ui/landing.js';
import { fitting, mentionAt } from '../ui/mention.js';
import { insideText } from '../ui/parts.js';
import { browserOf } from '../ui/permissionhelp.js';
import { mentions } from '../ui/text.js';

test('names of rooms: 256 different words, four of them and three digits, each as likely as any other', () => {
  assert.equal(words.length, 256);
  assert.equal(new Set(words).size, 256);
  for (const word of words) assert.match(word, /^[a-z]{3,8}$/);
  // Random bytes that end above the last whole thousand are thrown again.
  const bytes = [0, 1, 254, 255, 254, 0, 253, 231];
  const next = (/** @type {Uint8Array} */ array) => array.forEach((_, i) => (array[i] = /** @type {number} */ (bytes.shift())));
  assert.equal(newRoomName(next), `${words[0]}-${words[1]}-${words[254]}-${words[255]}-${String((253 * 256 + 231) % 1000).padStart(3, '0')}`);
  const many = new Set(Array.from({ length: 1000 }, () => newRoomName()));
  assert.equal(many.size, 1000);
  for (const name of many) assert.match(name, /^([a-z]+-){4}\d{3}$/);
});

test('what is typed or pasted is the name of a room, or a link to one on this server', () => {
  const here = 'https://meet.example.org';
  for (const [text, room] of [
    ['  weekly ', 'weekly'],
    ['https://meet.example.org/aq_server/?room=calm-river&username=x', 'calm-river'],
    ['https://meet.example.org/aq_server/', ''],
    ['https://other.example.org/?room=x', 'https://other.example.org/?room=x'],
    ['Monday: plans', 'Monday: plans'],
    ['', ''],
  ]) assert.equal(roomIn(text, here), room, text);
});

test('rooms are remembered, the last one first, and forgotten when asked', () => {
  const items = new Map();
  const storage = { getItem: (/** @type {string} */ key) => items.get(key) ?? null, setItem: (/** @type {string} */ key, /** @type {string} */ value) => void items.set(key, value), removeItem: (/** @type {string} */ key) => void items.delete(key) };
  Object.defineProperty(globalThis, 'localStorage', { value: storage, configurable: true });
  for (let i = 0; i < 12; i++) noteRoom(`r${i}`, i);
  noteRoom('r7', 20);
  assert.deepEqual(recentRooms().map((v) => v.room), ['r7', 'r11', 'r10', 'r9', 'r8', 'r6', 'r5', 'r4']);
  forgetRoom('r11');
  assert.equal(recentRooms().some((v) => v.room === 'r11'), false);
  forgetRoom(null);
  assert.deepEqual([recentRooms(), items.size], [[], 0]);
  for (const bad of ['{', 'null', '[null, {"room": 5, "at": 1}, {"room": ""}]', '{}']) {
    items.set('aq-rooms', bad);
    assert.deepEqual(recentRooms(), [], bad);
  }
});

test('who is inside, in words', () => {
  const text = (/** @type {number} */ people, /** @type {string[]} */ ...names) => insideText({ people, names });
  assert.equal(text(0), 'Nobody is inside yet.');
  assert.equal(text(2), '2 people are inside.');
  assert.equal(text(1, 'Ann'), 'Ann is inside.');
  assert.equal(text(3, 'Ann', 'Bob', 'Carol'), 'Ann, Bob, and Carol are inside.');
  assert.equal(text(9, 'Ann', 'Bob', 'Carol', 'Dave'), 'Ann, Bob, and 7 others are inside.');
});

test('which browser it is, as far as the way to its permissions goes', () => {
  const mozilla = (/** @type {string} */ rest) => `Mozilla/5.0 ${rest}`;
  for (const [userAgent, touch, browser] of /** @type {[string, number, string][]} */ ([
    [mozilla('(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36 Edg/137.0.0.0'), 10, 'chrome'],
    [mozilla('(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'), 0, 'firefox'],
    [mozilla('(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15'), 0, 'safari'],
    [mozilla('(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15'), 5, 'ios'],
    [mozilla('(iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/137.0 Mobile/15E148 Safari/604.1'), 5, 'ios'],
    [mozilla('(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36'), 5, 'android'],
    [mozilla('(Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0'), 5, 'android'],
    ['something else', 0, 'chrome'],
  ])) assert.equal(browserOf({ userAgent, maxTouchPoints: touch }), browser, userAgent);
});

test('names after an @: found, fitting, and meant', () => {
  assert.deepEqual(mentionAt('hi @An', 6), { start: 3, query: 'An' });
  assert.deepEqual(mentionAt('@', 1), { start: 0, query: '' });
  assert.equal(mentionAt('a@b', 3), null, 'an address');
  assert.equal(mentionAt('@Ann\nx', 6), null);
  assert.deepEqual(mentionAt('@Ann Le and more', 7), { start: 0, query: 'Ann Le' });
  const names = ['Bob', 'Grace Hopper', 'Hope', 'ann', 'Ann'];
  assert.deepEqual(fitting(names, 'ho'), ['Hope', 'Grace Hopper']);
  assert.deepEqual(fitting(names, 'BOB'), [], 'it stands there already');
  assert.equal(fitting(Array.from({ length: 20 }, (_, i) => `P${i}`), 'p').length, 6);

  assert.equal(mentions('Well, @ann: yes', 'Ann', names), true);
  assert.equal(mentions('@Anna', 'Ann', ['Ann']), false);
  assert.equal(mentions('@Ann Lee, yes', 'Ann', ['Ann', 'Ann Lee']), false);
  assert.equal(mentions('@Ann Lee, @Ann', 'Ann', ['Ann', 'Ann Lee']), true);
  assert.equal(mentions('Ann', 'Ann', []), false);
  assert.equal(mentions('@', '', []), false);
});

test('sounds: for who wants them, and where people come and go all the time only what is meant for one', () => {
  const on = { soundPeople: true, soundChat: true, soundHand: true };
  assert.deepEqual([wanted('joined', on, 5), wanted('chat', on, 5), wanted('hand', on, 12)], [true, true, true]);
  assert.deepEqual([wanted('joined', on, 13), wanted('chat', on, 13), wanted('hand', on, 13), wanted('mention', on, 13), wanted('knock', on, 13)], [false, false, false, true, true]);
  assert.equal(wanted('left', { ...on, soundPeople: false }, 2), false);
  assert.equal(wanted('mention', { ...on, soundChat: false }, 2), false);
});

test('days as people speak of them', () => {
  const now = new Date(2026, 10, 23, 0, 30);
  const ago = (/** @type {number} */ days) => relativeDay(new Date(2026, 10, 23 - days, 23, 59), now);
  assert.deepEqual([ago(0), ago(1), ago(2), ago(7), ago(-1)], ['today', 'yesterday', 'Saturday', 'November 16', 'November 24']);
});

test('the background is blurred only where the platform leaves the choice', async () => {
  const camera = (/** @type {boolean[]|undefined} */ backgroundBlur) => /** @type {any} */ ({ getCapabilities: () => ({ backgroundBlur }), getConstraints: () => ({ width: 640 }) });
  assert.deepEqual([canBlur(null), canBlur(camera(undefined)), canBlur(camera([true])), canBlur(camera([false, true]))], [false, false, false, true]);
  /** @type {any[]} */
  const applied = [];
  await blur({ ...camera([false, true]), applyConstraints: async (/** @type {any} */ constraints) => void applied.push(constraints) }, true);
  assert.deepEqual(applied, [{ width: 640, backgroundBlur: true }]);
});
