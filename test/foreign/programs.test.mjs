// Clients that are no browsers: aiortc, GStreamer's webrtcbin and a Go program with pion, each
// with the minimal page, and all kinds at once in one room with our own page.

import assert from 'node:assert/strict';
import { scenario } from '../browser/support/stage.mjs';
import { until } from '../browser/support/until.mjs';
import { MinimalPage } from './minimal.mjs';
import { aiortc, gstreamer, pion } from './process.mjs';

/**
 * @param {import('./process.mjs').ClientProcess} client
 * @param {number} others
 * @param {number} [timeout]
 */
async function receivesAll(client, others, timeout = 30_000) {
  await until(`${client.name} receives ${others}`, () => client.complete >= others, {
    timeout,
    seen: () => client.report,
  });
}

for (const [name, start, colour] of /** @type {const} */ ([
  ['aiortc', aiortc, 'yellow'],
  ['GStreamer', gstreamer, 'cyan'],
  ['pion', pion, 'blue'],
])) {
  scenario(`${name} and the minimal page see, hear and write to each other`, async (stage) => {
    const server = await stage.server();
    const alice = await stage.person('Alice', { colour: 'red' });
    const a = await MinimalPage.join(stage, alice.page, server.socket('r', 'Alice'));
    const client = stage.client(start(server.socket('r', name), { colour }));
    await receivesAll(client, 1);
    await until('Alice sees the right picture', async () => (await a.colours()).join() === colour, {
      timeout: 20_000,
      seen: async () => ({ colours: await a.colours(), inbound: await a.inbound() }),
    });
    await until('Alice hears', async () => (await a.inbound()).audioEnergy > 0, { seen: () => a.inbound() });
    client.say('Hello from a program');
    await until('Alice reads it', async () => (await a.chat()).includes('Hello from a program'));
    await a.say('Hello program');
    await until('the program reads it', () => client.chat.includes('Hello program'));

    assert.equal(await client.leave(), 0, client.report);
    await until('its tile goes', async () => (await a.tiles()) === 0, { timeout: 5_000 });
  });
}

scenario('GStreamer sends candidates before its answer', async (stage) => {
  const server = await stage.server();
  const one = stage.client(gstreamer(server.socket('r', 'one'), { colour: 'cyan' }));
  const two = stage.client(gstreamer(server.socket('r', 'two'), { colour: 'magenta' }));
  await Promise.all([receivesAll(one, 1), receivesAll(two, 1)]);
  for (const client of [one, two]) {
    const first = client.lines.find((line) => line.event === 'answering');
    assert.ok(first?.candidates_sent_before > 0, 'no candidate was sent before the answer');
  }
  assert.deepEqual(await Promise.all([one.leave(), two.leave()]), [0, 0]);
});

scenario('aiortc without tracks watches', async (stage) => {
  const server = await stage.server();
  const sender = stage.client(aiortc(server.socket('r', 'sender'), { expect: 0 }));
  const watcher = stage.client(aiortc(server.socket('r', 'watcher'), { watch: true }));
  await receivesAll(watcher, 1);
  assert.deepEqual(await Promise.all([watcher.leave(), sender.leave()]), [0, 0]);
  assert.equal(sender.complete, 0);
});
