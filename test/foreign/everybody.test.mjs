// Every kind of client in one room: our own page with its simulcast, the minimal page in
// Chromium and in Firefox, aiortc, GStreamer and pion. Each receives audio and video of each.

import assert from 'node:assert/strict';
import { scenario } from '../browser/support/stage.mjs';
import { until } from '../browser/support/until.mjs';
import { MinimalPage } from './minimal.mjs';
import { aiortc, gstreamer, pion } from './process.mjs';

const size = /** @type {[number, number]} */ ([320, 180]);

scenario('our simulcast page beside an addTrack page: both see and hear the other', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red', size: [1280, 720] });
  const bob = await stage.person('Bob', { colour: 'green' });
  const b = await MinimalPage.join(stage, bob.page, server.socket('r', 'Bob'));
  await alice.join(server, 'r');
  await alice.sees('Bob', 'green');
  await until('Bob sees red', async () => (await b.colours()).join() === 'red', { seen: () => b.colours() });
  const rids = async () => (await alice.outboundVideo()).map((l) => l.rid).sort().join();
  await until('Alice sends layers', async () => (await rids()) === 'f,h,q', { seen: () => alice.outboundVideo() });
  const [layer, ...more] = await bob.outboundVideo();
  assert.equal(layer.rid, '', 'Bob sends no layers');
  assert.deepEqual(more, []);
  await alice.decodesFor(2_000);
  await alice.hears();
  await until('Bob hears', async () => (await b.inbound()).audioEnergy > 0);
  await alice.say('Hello Bob');
  await until('Bob reads it', async () => (await b.chat()).includes('Hello Bob'));
  await b.say('Hello Alice');
  await alice.reads('Hello Alice', 'Bob');
});

scenario(
  'six kinds of clients in one room: each receives each',
  async (stage) => {
    const server = await stage.server();
    const others = 5;
    const alice = await stage.person('Alice', { colour: 'red', size });
    const bob = await stage.person('Bob', { colour: 'green', size });
    const firefox = await stage.firefox();
    await alice.join(server, 'all');
    const b = await MinimalPage.join(stage, bob.page, server.socket('all', 'Bob'));
    const f = await MinimalPage.join(stage, firefox, server.socket('all', 'Fox'));
    const programs = [
      stage.client(aiortc(server.socket('all', 'aiortc'), { colour: 'yellow', expect: others })),
      stage.client(gstreamer(server.socket('all', 'GStreamer'), { colour: 'cyan', expect: others })),
      stage.client(pion(server.socket('all', 'pion'), { colour: 'blue', expect: others })),
    ];

    const pages = { Alice: () => alice.inbound(), Bob: () => b.inbound(), Firefox: () => f.inbound() };
    const everybody = { timeout: 90_000, every: 500 };
    await Promise.all([
      ...Object.entries(pages).map(([name, seen]) =>
        until(
          `${name} receives five`,
          async () => {
            const { videos, audios } = await seen();
            return videos >= others && audios >= others;
          },
          { ...everybody, seen },
        ),
      ),
      ...programs.map((p) =>
        until(`${p.name} receives five`, () => p.complete >= others, { ...everybody, seen: () => p.report }),
      ),
    ]);
    await alice.sees('Bob', 'green');
    await alice.sees('aiortc', 'yellow');
    await alice.sees('GStreamer', 'cyan');
    await alice.sees('pion', 'blue');
    assert.equal(await b.tiles(), others);

    await alice.say('Hello everybody');
    await until('everybody reads it', async () =>
      [await b.chat(), await f.chat(), ...programs.map((p) => p.chat)].every((chat) => chat.includes('Hello everybody')),
    );
    assert.deepEqual(await Promise.all(programs.map((p) => p.leave())), [0, 0, 0]);
    await alice.hasOthers(['Bob', 'Fox'], 5_000);
    await until('Bob has two tiles left', async () => (await b.tiles()) === 2, { seen: () => b.tiles() });
  },
  { timeout: 240_000 },
);
