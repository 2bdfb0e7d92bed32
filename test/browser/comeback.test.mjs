// Nobody is lost: a reload, a server that dies, a socket that leads nowhere, a process that
// stands still. Nobody clicks in any of these, and nobody is another person afterwards.

import assert from 'node:assert/strict';
import { Proxy } from './support/proxy.mjs';
import { scenario } from './support/stage.mjs';
import { always, until } from './support/until.mjs';

/**
 * @param {import('./support/stage.mjs').Stage} stage
 * @param {{proxied?: boolean, bob?: import('./support/chromium.mjs').Choices, env?: Record<string, string>}} [how]
 */
async function callOfTwo(stage, { proxied = false, bob: choices, env } = {}) {
  const server = await stage.server(env);
  const proxy = await Proxy.before(stage, server);
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green', ...choices });
  if (choices?.ask) await bob.context.grantPermissions(['camera', 'microphone']);
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo', proxied ? { origin: proxy.origin } : {})]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  return { server, proxy, alice, bob };
}

/** Microphone off, hand up, and the other has seen it. @param {import('./support/person.mjs').Person} person @param {import('./support/person.mjs').Person} other */
async function muteAndRaiseHand(person, other) {
  await person.element('mic-button').click();
  await person.element('hand-button').click();
  await until(`${person.name} is muted with a hand up`, async () => {
    const tile = await other.tileOf(person.name);
    return tile?.muted && tile.hand;
  });
}

/** The pictures move again, and go on. @param {import('./support/person.mjs').Person[]} people */
async function picturesMove(...people) {
  await Promise.all(
    people.map(async (person) => {
      const { frames } = await person.inbound();
      await until(`${person.name}'s pictures move`, async () => (await person.inbound()).frames > frames + 10, { seen: () => person.inbound() });
      await person.decodesFor(2_000);
    }),
  );
}

/**
 * Collects the notices that a page shows from now on.
 *
 * @param {import('./support/person.mjs').Person} person
 */
async function keepNotices(person) {
  await person.page.evaluate(() => {
    const seen = /** @type {string[]} */ ([]);
    Object.assign(window, { noticesSeen: seen });
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) seen.push(node.textContent ?? '');
    }).observe(/** @type {Element} */ (document.querySelector('aq-toasts')), { childList: true });
  });
  return () => person.page.evaluate(() => /** @type {{noticesSeen?: string[]}} */ (/** @type {unknown} */ (window)).noticesSeen ?? []);
}

scenario('a reload in a call: the same person is back without a click, muted and with the hand up as before', async (stage) => {
  const { server, alice, bob } = await callOfTwo(stage);
  await muteAndRaiseHand(bob, alice);
  await alice.say('Said before the reload');
  await bob.reads('Said before the reload');
  const before = await alice.tileOf('Bob');
  const notices = await keepNotices(alice);

  await bob.page.reload();
  await bob.reaches('connected');
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  await until('Bob is no longer lost', async () => !(await alice.tileOf('Bob'))?.lost, { seen: () => alice.tiles() });
  const after = await alice.tileOf('Bob');
  assert.deepEqual([after?.peerId, after?.muted, after?.hand], [before?.peerId, true, true]);
  assert.deepEqual(await alice.others(), ['Bob']);
  assert.deepEqual((await notices()).filter((text) => /Bob (left|joined)/.test(text)), [], 'nobody left, nobody came');
  assert.deepEqual(await server.rooms(), { demo: 2 });
  await bob.reads('Said before the reload', 'Alice');
  assert.notEqual(await bob.element('mic-button').getAttribute('data-off'), null);
  await bob.element('mic-button').click();
  await until('Bob is heard again', async () => (await alice.tileOf('Bob'))?.muted === false);
});

scenario('a reload where the browser wants to ask again: back at once, devices off, and a way to turn them on', async (stage) => {
  const { alice, bob } = await callOfTwo(stage, { bob: { ask: true } });
  const before = await alice.tileOf('Bob');
  await bob.page.addInitScript(() => {
    // As Firefox has it, where a permission ends with the page.
    navigator.permissions.query = async () => Object.assign(new EventTarget(), { name: '', state: /** @type {const} */ ('prompt'), onchange: null });
  });
  await bob.page.reload();
  await bob.reaches('connected');
  await bob.sees('Alice', 'red');
  await until('Bob is told', async () => (await bob.notices()).some((text) => /microphone and camera are off/.test(text)), { seen: () => bob.notices() });
  await until('Alice sees that Bob has no picture', async () => {
    const tile = await alice.tileOf('Bob');
    return tile && !tile.video && tile.muted && !tile.lost && tile.peerId === before?.peerId;
  }, { seen: () => alice.tiles() });
  await bob.page.getByRole('button', { name: 'Turn on' }).click();
  await alice.sees('Bob', 'green');
});

scenario('a duplicated tab throws nobody out, and who joins there is somebody else', async (stage) => {
  const { alice, bob } = await callOfTwo(stage);
  const before = await alice.tileOf('Bob');
  // A window that a page opens gets a copy of its sessionStorage, as a duplicated tab does.
  const [copy] = await Promise.all([bob.context.waitForEvent('page'), bob.page.evaluate(() => void window.open(location.href))]);
  assert.notEqual(await copy.evaluate(() => sessionStorage.length), 0);
  await copy.locator('[data-testid="join-form"]').waitFor();
  await always('Bob is in the call', async () => (await bob.state()) === 'connected', 1_000);
  assert.deepEqual(await bob.closeCodes(), []);

  await copy.locator('[data-testid="join-button"]').click();
  await alice.hasOthers(['Bob', 'Bob']);
  const ids = new Set((await alice.tiles()).filter((t) => !t.self).map((t) => t.peerId));
  assert.equal(ids.size, 2);
  assert.ok(ids.has(before?.peerId ?? ''));
  assert.equal(await bob.state(), 'connected');

  // Each of the two is himself after a reload.
  await bob.page.reload();
  await bob.reaches('connected');
  await copy.reload();
  await copy.locator('[data-state="connected"]').waitFor();
  const again = new Set((await alice.tiles()).filter((t) => !t.self).map((t) => t.peerId));
  assert.deepEqual([...again].sort(), [...ids].sort());
});

scenario(
  'the server dies and another takes its place: mute, hand and chat are as before, and what was written meanwhile is said once',
  async (stage) => {
    const { server, alice, bob } = await callOfTwo(stage);
    await muteAndRaiseHand(bob, alice);
    await alice.say('Before the fall');
    await bob.reads('Before the fall');
    await server.end('SIGKILL');
    await bob.reaches('reconnecting');
    await bob.say('Is anybody there?');
    await server.launch();
    await Promise.all([alice.reaches('connected', 60_000), bob.reaches('connected', 60_000)]);
    await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
    const tile = await alice.tileOf('Bob');
    assert.deepEqual([tile?.muted, tile?.hand, tile?.lost], [true, true, false]);
    await alice.reads('Is anybody there?', 'Bob');
    await bob.reads('Is anybody there?');
    await always('everything is said once', async () => {
      const counts = await Promise.all([alice, bob].flatMap((p) => [p.timesRead('Is anybody there?'), p.timesRead('Before the fall')]));
      return counts.every((n) => n === 1);
    }, 1_000);
    assert.notEqual(await bob.element('mic-button').getAttribute('data-off'), null);
    assert.equal(await bob.element('chat-pending').count(), 0);
  },
  { timeout: 150_000 },
);

scenario('a socket that leads nowhere is found when something is written, and what was written arrives once', async (stage) => {
  const { proxy, alice, bob } = await callOfTwo(stage, { proxied: true });
  const before = await alice.tileOf('Bob');
  proxy.freeze();
  const from = Date.now();
  await bob.say('Does this arrive?');
  await alice.reads('Does this arrive?', 'Bob', 10_000);
  console.log(`a frozen socket was replaced, and the message there, after ${Date.now() - from} ms`);
  await bob.reaches('connected');
  await bob.decodesFor(1_000);
  assert.deepEqual([await alice.timesRead('Does this arrive?'), await bob.timesRead('Does this arrive?')], [1, 1]);
  assert.equal((await alice.tileOf('Bob'))?.peerId, before?.peerId);
  assert.equal(await bob.connections(), 1, 'media never stopped');
});

scenario('a socket that leads nowhere is found when the network changes', async (stage) => {
  const { proxy, alice, bob } = await callOfTwo(stage, { proxied: true });
  proxy.freeze();
  const from = Date.now();
  await bob.page.evaluate(() => dispatchEvent(new Event('online')));
  // What is on the way for some milliseconds only is not looked for.
  await until('Bob has another socket', () => bob.page.evaluate(() => window.__aq.sockets.length === 2), { timeout: 10_000 });
  await bob.reaches('connected', 10_000);
  console.log(`a frozen socket was found and replaced ${Date.now() - from} ms after the doubt`);
  await alice.say('Here we are');
  await bob.reads('Here we are');
});

scenario('a server that stands still for 8 s: it is said, the pictures are marked, and all of it heals without a restart', async (stage) => {
  const { server, alice, bob } = await callOfTwo(stage);
  const before = await alice.tileOf('Bob');
  const ice = await bob.iceName();
  server.signal('SIGSTOP');
  const from = Date.now();
  try {
    await until('Bob is told', async () => ['media-lost', 'reconnecting'].includes((await bob.state()) ?? ''), { timeout: 6_000 });
    console.log(`silence was noticed after ${Date.now() - from} ms`);
    await until('Alice has a mark', async () => (await bob.tileOf('Alice'))?.mark === 'Reconnecting…', { timeout: 6_000, seen: () => bob.tiles() });
    await bob.reaches('reconnecting');
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, from + 8_000 - Date.now())));
  } finally {
    server.signal('SIGCONT');
  }
  await Promise.all([alice.reaches('connected'), bob.reaches('connected')]);
  await until('the marks are gone', async () => (await bob.tileOf('Alice'))?.mark === '', { seen: () => bob.tiles() });
  await picturesMove(alice, bob);
  assert.equal((await alice.tileOf('Bob'))?.peerId, before?.peerId);
  assert.equal(await bob.connections(), 1);
  assert.equal(await bob.iceName(), ice, 'no restart was torn through the path');
}, { whole: true });

scenario('somebody whose machine stands still: the picture is marked within seconds, and lives again', async (stage) => {
  const { alice, bob } = await callOfTwo(stage);
  const from = Date.now();
  const goOn = await bob.standStill();
  try {
    await until('Bob has a mark', async () => {
      const tile = await alice.tileOf('Bob');
      return tile?.stalled && (tile.lost || tile.mark === 'Picture frozen');
    }, { timeout: 8_000, seen: () => alice.tiles() });
    console.log(`a frozen picture was marked after ${Date.now() - from} ms`);
  } finally {
    goOn();
  }
  await until('the mark is gone', async () => {
    const tile = await alice.tileOf('Bob');
    return tile && !tile.stalled && !tile.lost && tile.mark === '';
  }, { timeout: 20_000, seen: () => alice.tiles() });
  await picturesMove(alice, bob);
}, { whole: true });
