// A file from one page to another, as browsers send and take it, beside the call.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

/** @param {import('./support/person.mjs').Person} person @param {(session: any, argument: any) => any} what @param {any} [argument] */
const inSession = (person, what, argument) =>
  person.page.evaluate(([text, value]) => {
    const { session } = /** @type {any} */ (document.querySelector('aq-app'));
    return new Function('session', 'argument', `return (${text})(session, argument)`)(session, value);
  }, [String(what), argument]);

/** @param {import('./support/person.mjs').Person} person @returns {Promise<any[]>} */
const files = (person) => inSession(person, (session) => session.state.files.map((/** @type {any} */ { blob, ...rest }) => ({ ...rest, blob: blob !== null })));

/** Offers a file of that many bytes and returns their hash. */
const offer = (/** @type {import('./support/person.mjs').Person} */ person, /** @type {{size: number, name: string, to?: string}} */ what) =>
  inSession(person, async (session, { size, name, to = '' }) => {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i += 65536) crypto.getRandomValues(bytes.subarray(i, Math.min(i + 65536, size)));
    session.files.offer(new File([bytes], name, { type: 'image/png' }), to);
    return [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))].join();
  }, what);

const hash = (/** @type {import('./support/person.mjs').Person} */ person, /** @type {string} */ name) =>
  inSession(person, async (session, wanted) => {
    const file = session.state.files.find((/** @type {any} */ f) => f.name === wanted);
    return [...new Uint8Array(await crypto.subtle.digest('SHA-256', await file.blob.arrayBuffer()))].join();
  }, name);

/** @param {import('./support/person.mjs').Person} person @param {string} name @param {string} state */
const becomes = (person, name, state) =>
  until(`${name} is ${state} for ${person.name}`, async () => (await files(person)).find((f) => f.name === name)?.state === state, { seen: () => files(person), timeout: 45_000 });

scenario('a file goes from page to page, whole, beside the call', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);

  // Small: on a machine without time a file gives way to the pictures like on a way without room.
  const sent = await offer(alice, { size: 300_001, name: 'big.png' });
  await becomes(bob, 'big.png', 'offered');
  await inSession(bob, (session) => session.files.accept(session.state.files[0].key));
  await becomes(bob, 'big.png', 'done');
  await becomes(alice, 'big.png', 'done');
  assert.equal(await hash(bob, 'big.png'), sent);

  // The other way, over the channels that there are; and one that is refused.
  const back = await offer(bob, { size: 16_384, name: 'small.png' });
  await becomes(alice, 'small.png', 'offered');
  await inSession(alice, (session) => session.files.accept(session.state.files[1].key));
  await becomes(alice, 'small.png', 'done');
  assert.equal(await hash(alice, 'small.png'), back);
  await offer(alice, { size: 10, name: 'unwanted.png' });
  await becomes(bob, 'unwanted.png', 'offered');
  await inSession(bob, (session) => session.files.cancel(session.state.files[2].key));
  await becomes(bob, 'unwanted.png', 'ended');

  const { frames } = await bob.inbound();
  await until('the pictures go on', async () => (await bob.inbound()).frames > frames + 10, { seen: () => bob.inbound() });

  // A private message and a reaction, from page to page.
  const to = await inSession(bob, (session) => session.state.room.peerId);
  await inSession(alice, (session, peerId) => { session.sendChat('just us', peerId); session.react('👏'); }, to);
  await until('the private message', async () => inSession(bob, (session) => session.state.room.chat.some((/** @type {any} */ m) => m.to === session.state.room.peerId && m.message === 'just us')));
});
