import assert from 'node:assert/strict';
import { test } from 'node:test';

import './english.js';
import { bitrate } from '../i18n/format.js';
import { speak } from '../i18n/i18n.js';
import en from '../i18n/en.js';
import { explain } from '../ui/problems.js';
import { chatTime, continues, linkify, startsDay } from '../ui/chattext.js';
import { hueOf, initials, namesDid } from '../ui/text.js';

/** @param {string} text */
const links = (text) => linkify(text).filter((p) => p.href).map((p) => p.text);

test('linkify loses no character', () => {
  for (const text of ['', 'plain', 'http://a.example', 'see https://a.example/x, and (https://b.example/y).', 'https://', 'x https://[ y', '😀 https://ü.example/ä?q=1#z']) {
    assert.equal(linkify(text).map((p) => p.text).join(''), text);
  }
});

test('linkify leaves the punctuation of the sentence out, brackets of the link in', () => {
  assert.deepEqual(links('See https://a.example/x.'), ['https://a.example/x']);
  assert.deepEqual(links('(https://a.example/x)'), ['https://a.example/x']);
  assert.deepEqual(links('https://a.example/x_(y)'), ['https://a.example/x_(y)']);
  assert.deepEqual(links('https://a.example/?q=1&r=2!'), ['https://a.example/?q=1&r=2']);
  assert.deepEqual(links('https://a.example and HTTP://b.example'), ['https://a.example', 'HTTP://b.example']);
});

test('linkify knows addresses of mail, whole ones only', () => {
  const hrefs = (/** @type {string} */ text) => linkify(text).filter((p) => p.href).map((p) => p.href);
  assert.deepEqual(hrefs('Write to a.b+c@mail.example.org, or mailto:x@y.example?subject=z.'), ['mailto:a.b+c@mail.example.org', 'mailto:x@y.example?subject=z']);
  assert.deepEqual(hrefs('@Ann a@b @x.example ../a@b.example key=a@b.example mailto: mailto:x'), []);
});

test('linkify makes only http, https and mailto clickable, and no link that pretends to be another', () => {
  for (const text of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'xhttp://a.example', 'https://bank.example@evil.example', '//a.example']) {
    assert.deepEqual(links(text), [], text);
  }
  assert.deepEqual(linkify('https://a.example/"onmouseover=x'), [{ text: 'https://a.example/', href: 'https://a.example/' }, { text: '"onmouseover=x' }]);
});

test('initials', () => {
  assert.equal(initials('Grace Hopper'), 'GH');
  assert.equal(initials('alice'), 'A');
  assert.equal(initials('Zoë 李 🙂'), 'Z李');
  assert.equal(initials('🙂'), '🙂');
  assert.equal(initials('  '), '?');
  assert.ok(hueOf('x') >= 0 && hueOf('x') < 8 && hueOf('p_1') === hueOf('p_1'));
});

test('messages of one person close together are grouped', () => {
  const m = (/** @type {string} */ from, /** @type {string} */ timestamp, username = 'Bob', to = '') => ({ from, username, timestamp, to });
  const first = m('p_1', '2026-11-23T10:00:00Z');
  assert.equal(continues(undefined, first), false);
  assert.equal(continues(first, m('p_1', '2026-11-23T10:04:00Z')), true);
  assert.equal(continues(first, m('p_1', '2026-11-23T10:06:00Z')), false);
  assert.equal(continues(first, m('p_2', '2026-11-23T10:00:01Z')), false);
  assert.equal(continues(first, m('p_1', '2026-11-23T10:00:01Z', 'Robert')), false);
  assert.equal(continues(first, m('p_1', '2026-11-23T10:00:01Z', 'Bob', 'p_3')), false, 'for other people');
  const late = new Date(2026, 10, 23, 23, 59).toISOString();
  const early = new Date(2026, 10, 24, 0, 1).toISOString();
  assert.equal(continues(m('p_1', late), m('p_1', early)), false, 'on another day');
  assert.deepEqual([startsDay(undefined, { timestamp: late }), startsDay({ timestamp: late }, { timestamp: early }), startsDay({ timestamp: late }, { timestamp: late }), startsDay(undefined, { timestamp: '' })], [true, true, false, false]);
});

test('times, rates and names', () => {
  const timestamp = new Date(2026, 10, 23, 14, 31).toISOString();
  speak('en', en, 'en-GB');
  assert.equal(chatTime({ timestamp, time: '01:01:01' }), '14:31');
  speak('en', en);
  assert.match(chatTime({ timestamp, time: '01:01:01' }), /^02:31.PM$/);
  assert.equal(chatTime({ timestamp: '', time: '01:02:03' }), '01:02');
  assert.deepEqual([bitrate(640000), bitrate(2310000)], ['640 kb/s', '2.3 Mb/s']);
  assert.equal(namesDid(['Ann'], 'joined'), 'Ann joined');
  assert.equal(namesDid(['Ann', 'Bob'], 'left'), 'Ann and Bob left');
  assert.equal(namesDid(['Ann', 'Bob', 'C', 'D', 'E'], 'joined'), 'Ann, Bob, and 3 others joined');
  assert.equal(namesDid(['Ann', 'Bob', 'C'], 'joined'), 'Ann, Bob, and 1 other joined');
});

test('every problem of a device has words and a way on', () => {
  /** @type {import('../media/devices.js').DeviceProblem[]} */
  const problems = ['denied', 'missing', 'busy', 'insecure', 'unsupported', 'failed'];
  assert.equal(explain({ microphone: null, camera: null }), null);
  for (const microphone of [null, ...problems]) {
    for (const camera of [null, ...problems]) {
      if (!microphone && !camera) continue;
      const words = explain({ microphone, camera });
      assert.ok(words && words.title && words.text && words.without, `${microphone} ${camera}`);
    }
  }
  assert.equal(explain({ microphone: 'denied', camera: 'denied' })?.title, 'Camera and microphone are blocked');
  assert.match(explain({ microphone: 'denied', camera: 'missing' })?.text ?? '', /Microphone is blocked.*No camera found/);
});
