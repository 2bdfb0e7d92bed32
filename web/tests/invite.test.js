import assert from 'node:assert/strict';
import { test } from 'node:test';

import './english.js';
import { Invite } from '../page/invite.js';
import { endingOfRefusal } from '../protocol/ending.js';
import { endingText } from '../ui/words.js';
import { validate } from '../protocol/validate.js';

/** @param {string} href */
function page(href) {
  /** @type {Record<string, string>} */
  const kept = {};
  const storage = { getItem: (/** @type {string} */ k) => kept[k] ?? null, setItem: (/** @type {string} */ k, /** @type {string} */ v) => void (kept[k] = v) };
  const location = { href };
  const history = { replaceState: (/** @type {any} */ _data, /** @type {string} */ _unused, /** @type {string|URL} */ url) => void (location.href = String(url)) };
  return { storage, location, history };
}

test('the token leaves the address and stays in the tab', () => {
  const { storage, location, history } = page('https://x.test/aq_server/?room=demo&token=a.b.c');
  const invite = new Invite(storage);
  invite.take(location, history);
  assert.equal(location.href, 'https://x.test/aq_server/?room=demo');
  assert.equal(invite.token, 'a.b.c');
  assert.deepEqual(invite.subprotocols, ['aq', 'bearer.a.b.c']);

  const reloaded = new Invite(storage);
  reloaded.take(location, history);
  assert.equal(reloaded.token, 'a.b.c');
});

test('without a token nothing is offered and the address stays', () => {
  const { location, history } = page('https://x.test/aq_server/?room=demo');
  const invite = new Invite(undefined);
  invite.take(location, history);
  assert.equal(location.href, 'https://x.test/aq_server/?room=demo');
  assert.deepEqual(invite.subprotocols, []);
});

test('a storage that is not allowed costs nothing but the reload', () => {
  const { location, history } = page('https://x.test/?token=a.b.c');
  const denied = () => {
    throw new Error('denied');
  };
  const invite = new Invite({ getItem: denied, setItem: denied });
  invite.take(location, history);
  assert.equal(invite.token, 'a.b.c');
});

test('validate sends the token as a header, not in the address', async () => {
  /** @type {any[]} */
  let asked = [];
  const answer = { ok: true, json: async () => ({}) };
  await validate('https://x.test/validate', { room: 'a', username: 'b' }, { token: 't', fetch: /** @type {any} */ (async (/** @type {any[]} */ ...args) => ((asked = args), answer)) });
  assert.equal(asked[0], 'https://x.test/validate?room=a&username=b');
  assert.deepEqual(asked[1].headers, { Authorization: 'Bearer t' });
});

test('a refused invitation has words of its own', () => {
  for (const code of ['token_required', 'token_invalid']) {
    const ending = endingOfRefusal({ ok: false, status: 401, code, message: 'x', retryAfterMs: 0 });
    assert.match(endingText(ending).title, /invitation/);
  }
});
