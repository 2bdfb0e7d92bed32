// What breaks under a call, and how the page comes back on its own.

import assert from 'node:assert/strict';
import { Proxy } from './support/proxy.mjs';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

/** @param {import('./support/stage.mjs').Stage} stage */
async function callOfTwo(stage) {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  return { server, alice, bob };
}

/**
 * Both are in the call again, with new pictures, not with the last one standing.
 *
 * @param {import('./support/person.mjs').Person} alice
 * @param {import('./support/person.mjs').Person} bob
 */
async function bothAreBack(alice, bob) {
  await Promise.all([alice.reaches('connected', 60_000), bob.reaches('connected', 60_000)]);
  await Promise.all([alice.hasOthers(['Bob'], 45_000), bob.hasOthers(['Alice'], 45_000)]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  await Promise.all([alice.decodesFor(2_000), bob.decodesFor(2_000)]);
  await alice.say('Back again');
  await bob.reads('Back again');
}

scenario(
  'the server is killed and started again: both come back on their own',
  async (stage) => {
    const { server, alice, bob } = await callOfTwo(stage);
    await server.end('SIGKILL');
    await Promise.all([alice.reaches('reconnecting'), bob.reaches('reconnecting')]);
    await server.launch();
    await bothAreBack(alice, bob);
  },
  { timeout: 150_000 },
);

scenario(
  'the server is told to end: it says 1012, exits with 0, and both come back to the next one',
  async (stage) => {
    const { server, alice, bob } = await callOfTwo(stage);
    const { code, ms } = await server.end('SIGTERM');
    assert.equal(code, 0);
    assert.ok(ms < 10_000, `it took ${ms} ms`);
    for (const person of [alice, bob]) {
      await until(`${person.name} was told 1012`, async () => (await person.closeCodes())[0] === 1012, {
        seen: () => person.closeCodes(),
      });
    }
    await server.launch();
    await bothAreBack(alice, bob);
  },
  { timeout: 150_000 },
);

scenario('a lost WebSocket: media goes on, missed chat follows, the person stays the same', async (stage) => {
  const server = await stage.server();
  const proxy = await Proxy.before(stage, server);
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo', { origin: proxy.origin })]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  const [before] = (await alice.tiles()).filter((t) => !t.self);

  proxy.cut();
  await bob.reaches('reconnecting');
  await until('Alice sees that Bob is lost', async () => (await alice.tiles()).some((t) => t.name === 'Bob' && t.lost));
  await Promise.all([alice.decodesFor(2_000), bob.decodesFor(2_000)]);
  await alice.say('Can you still read me?');
  proxy.mend();

  await bob.reaches('connected', 30_000);
  await bob.reads('Can you still read me?', 'Alice');
  await until('Bob is no longer lost', async () => (await alice.tiles()).some((t) => t.name === 'Bob' && !t.lost));
  const [after] = (await alice.tiles()).filter((t) => !t.self);
  assert.equal(after.peerId, before.peerId);
  assert.equal(await bob.connections(), 1, 'Bob has kept his PeerConnection');
  await alice.say('Welcome back');
  await bob.reads('Welcome back');
  await bob.decodesFor(2_000);
});

scenario('a tab that was lost with its page comes back as the same person', async (stage) => {
  const server = await stage.server();
  const proxy = await Proxy.before(stage, server);
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo', { origin: proxy.origin })]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  const [before] = (await alice.tiles()).filter((t) => !t.self);

  // Cut first: a page that goes in good order says so (4000), a crashed one does not.
  proxy.cut();
  await bob.reaches('reconnecting');
  await bob.page.goto('about:blank');
  await alice.say('Written while Bob had no page');
  proxy.mend();
  await bob.page.goto(`${proxy.origin}/aq_server/?room=demo`);
  await bob.reaches('connected');
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  await bob.reads('Written while Bob had no page', 'Alice');
  const others = (await alice.tiles()).filter((t) => !t.self);
  assert.deepEqual(others.map((t) => t.peerId), [before.peerId]);
});

scenario('a frozen browser disappears for the others when its pong does not come', async (stage) => {
  const server = await stage.server({ KEEPALIVE_PING: '1s', KEEPALIVE_PONG: '1s', RESUME_WINDOW: '1s' });
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  const proxy = await Proxy.before(stage, server);
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo', { origin: proxy.origin })]);
  await alice.sees('Bob', 'green');
  proxy.freeze();
  await alice.hasOthers([], 10_000);
});
