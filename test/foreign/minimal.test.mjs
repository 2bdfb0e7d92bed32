// Two people on the minimal page, in Chromium and in Firefox: the base protocol is enough.

import assert from 'node:assert/strict';
import { scenario } from '../browser/support/stage.mjs';
import { always, until } from '../browser/support/until.mjs';
import { MinimalPage } from './minimal.mjs';

/**
 * @param {string} who
 * @param {MinimalPage} page
 * @param {number} [others]
 */
async function receives(who, page, others = 1) {
  await until(
    `${who} sees and hears ${others}`,
    async () => {
      const { videos, audioEnergy } = await page.inbound();
      return videos >= others && audioEnergy > 0 && (await page.tiles()) === others;
    },
    { timeout: 20_000, seen: () => page.inbound() },
  );
}

/** Frames must go on being decoded. @param {string} who @param {MinimalPage} page */
async function goesOn(who, page) {
  const { frames } = await page.inbound();
  await until(`${who} decodes a further 30 frames`, async () => (await page.inbound()).frames >= frames + 30);
}

/**
 * @param {MinimalPage} from @param {MinimalPage} to
 * @param {string} text
 */
async function chats(from, to, text) {
  await from.say(text);
  for (const page of [from, to]) {
    await until(`"${text}" arrives`, async () => (await page.chat()).includes(text), { seen: () => page.chat() });
  }
}

scenario('minimal page: two in Chromium see the right picture, hear, write and leave', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  const a = await MinimalPage.join(stage, alice.page, server.socket('r', 'Alice'));
  const b = await MinimalPage.join(stage, bob.page, server.socket('r', 'Bob'));
  await Promise.all([receives('Alice', a), receives('Bob', b)]);
  await until('Alice sees green', async () => (await a.colours()).join() === 'green', { seen: () => a.colours() });
  await until('Bob sees red', async () => (await b.colours()).join() === 'red', { seen: () => b.colours() });
  await Promise.all([goesOn('Alice', a), goesOn('Bob', b)]);
  await chats(a, b, 'Hello from Alice');
  await chats(b, a, 'Grüße von Bob 🙂');

  await b.leave();
  await until("Bob's tile goes", async () => (await a.tiles()) === 0, { timeout: 5_000 });
  assert.equal((await a.inbound()).states.join(), 'connected');
});

scenario('minimal page: a browser that is killed disappears for the others', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  const a = await MinimalPage.join(stage, alice.page, server.socket('r', 'Alice'));
  const b = await MinimalPage.join(stage, bob.page, server.socket('r', 'Bob'));
  await Promise.all([receives('Alice', a), receives('Bob', b)]);
  await bob.context.browser()?.close();
  await until("Bob's tile goes", async () => (await a.tiles()) === 0, { timeout: 5_000 });
});

scenario('minimal page: someone without camera or microphone watches', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const carol = await stage.person('Carol');
  const a = await MinimalPage.join(stage, alice.page, server.socket('r', 'Alice'));
  const c = await MinimalPage.join(stage, carol.page, server.socket('r', 'Carol'), { media: 'none' });
  await receives('Carol', c);
  await until('Carol sees red', async () => (await c.colours()).join() === 'red', { seen: () => c.colours() });
  await always('Alice has no tile of a watcher', async () => (await a.tiles()) === 0, 1_000);
  await chats(c, a, 'I only watch');
});

scenario('minimal page: Firefox and Chromium see and hear each other', async (stage) => {
  const server = await stage.server();
  const firefox = await stage.firefox();
  const alice = await stage.person('Alice', { colour: 'red' });
  const a = await MinimalPage.join(stage, alice.page, server.socket('r', 'Alice'));
  const f = await MinimalPage.join(stage, firefox, server.socket('r', 'Fox'));
  await Promise.all([receives('Alice', a), receives('Firefox', f)]);
  await until('Firefox sees red', async () => (await f.colours()).join() === 'red', { seen: () => f.colours() });
  await Promise.all([goesOn('Alice', a), goesOn('Firefox', f)]);
  await chats(f, a, 'Hello from Firefox');
  await f.leave();
  await until("Firefox's tile goes", async () => (await a.tiles()) === 0, { timeout: 5_000 });
});
