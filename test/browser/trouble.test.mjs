// What stands in a person's way before the call: clear words, and a way on.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

/**
 * The page must explain itself: `words` stand in a box that screen readers announce.
 *
 * @param {import('./support/person.mjs').Person} person
 * @param {RegExp} words
 */
async function explains(person, words) {
  const box = person.element('device-problem');
  await until(`${person.name} is told ${words}`, async () => (await box.isVisible()) && words.test(await box.innerText()), {
    seen: () => person.page.locator('body').innerText(),
  });
  assert.equal(await box.getAttribute('role'), 'alert');
}

/**
 * Someone who cannot send is in the room all the same: sees, hears and writes.
 *
 * @param {import('./support/person.mjs').Person} watcher
 * @param {import('./support/person.mjs').Person} other in red
 */
async function takesPart(watcher, other) {
  await watcher.reaches('connected');
  await watcher.sees(other.name, 'red');
  await watcher.hears();
  await watcher.say(`${watcher.name} can write`);
  await other.reads(`${watcher.name} can write`, watcher.name);
  await other.hasOthers([watcher.name]);
}

scenario('permission denied: words, and in without devices; allowed later: in with them', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green', ask: true });
  await alice.join(server, 'demo');
  await bob.context.grantPermissions(['notifications']); // grants this one and denies all others

  await bob.open(server, { room: 'demo' });
  await bob.element('name-input').fill('Bob');
  await bob.element('preview-start').click();
  await explains(bob, /blocked/i);
  await bob.clickJoin();
  await takesPart(bob, alice);

  // The page notices by itself what the person has changed beside it.
  await bob.context.grantPermissions(['camera', 'microphone']);
  await alice.sees('Bob', 'green');
});

scenario('a prompt that nobody answers keeps nobody out of the room', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { ask: true });
  await bob.page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => new Promise(() => {});
  });
  await alice.join(server, 'demo');
  await bob.open(server, { room: 'demo' });
  await bob.element('name-input').fill('Bob');
  await bob.clickJoin();
  await takesPart(bob, alice);
});

scenario('no devices: words, and in without them', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob');
  await bob.page.addInitScript(() => {
    const missing = async () => {
      throw new DOMException('Requested device not found', 'NotFoundError');
    };
    Object.assign(navigator.mediaDevices, { getUserMedia: missing, enumerateDevices: async () => [] });
  });
  await alice.join(server, 'demo');
  await bob.open(server, { room: 'demo' });
  await bob.element('name-input').fill('Bob');
  await explains(bob, /no .*found/i);
  await bob.clickJoin();
  await takesPart(bob, alice);
});

scenario('an insecure address: words, and in to watch, listen and chat', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { resolve: 'aq.test' });
  await alice.join(server, 'demo');
  await bob.open(server, { room: 'demo', host: 'aq.test' });
  assert.equal(await bob.page.evaluate(() => isSecureContext), false);
  await explains(bob, /not secure[\s\S]*https/i);
  await bob.element('name-input').fill('Bob');
  await bob.clickJoin();
  await takesPart(bob, alice);
});

scenario('a browser without WebRTC: words, and in to chat', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob');
  await bob.page.addInitScript(() => {
    // @ts-ignore: what an old browser, or an administrator, does
    delete window.RTCPeerConnection;
  });
  await alice.join(server, 'demo');
  await bob.open(server, { room: 'demo' });
  await explains(bob, /cannot make calls/i);
  await bob.element('name-input').fill('Bob');
  await bob.clickJoin();
  await bob.reaches('chat-only');
  await bob.say('Only writing');
  await alice.reads('Only writing', 'Bob');
  await alice.say('Welcome');
  await bob.reads('Welcome', 'Alice');
});

scenario('a bad room and a bad name are refused in words before the join', async (stage) => {
  const server = await stage.server();
  const bob = await stage.person('Bob');
  await bob.open(server);
  const input = bob.element('room-input');
  await input.fill('../etc');
  await until('the room is objected to', async () => (await input.getAttribute('aria-invalid')) === 'true');
  assert.notEqual(await bob.element('room-note').innerText(), '');
  await bob.element('room-go').click();
  await bob.element('join-form').waitFor();
  await bob.element('name-input').fill('B'.repeat(65));
  const name = bob.element('name-input');
  await until('the room is objected to once more', async () => (await bob.element('inside-note').innerText()) !== '');
  await bob.clickJoin();
  const box = bob.element('error-box');
  await until('the refusal is shown', () => box.isVisible());
  assert.equal(await box.getAttribute('data-code'), 'bad_room');
  assert.deepEqual(await server.rooms(), {});

  await bob.element('another-room').click();
  await input.fill('fine');
  await input.press('Enter');
  await until('the name is objected to', async () => (await name.getAttribute('aria-invalid')) === 'true');
  assert.notEqual(await bob.element('name-note').innerText(), '');
  assert.equal(await box.isVisible(), false, 'what was said of the other room is gone');
  await name.fill('Bob');
  await until('the name is right', async () => (await name.getAttribute('aria-invalid')) === null);
  await bob.clickJoin();
  await bob.reaches('connected');
});

scenario('a full room is refused in words', async (stage) => {
  const server = await stage.server({ ROOM_MAX_PEERS: '1' });
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob');
  await alice.join(server, 'demo');
  await bob.open(server, { room: 'demo' });
  await bob.element('name-input').fill('Bob');
  await bob.clickJoin();
  const box = bob.element('error-box');
  await until('the refusal is shown', () => box.isVisible(), { seen: () => bob.page.locator('body').innerText() });
  assert.equal(await box.getAttribute('data-code'), 'room_full');
});
