// How soon the page can be used: before all of it is there, and at once when somebody comes again.
// The figures on a telephone's network are for people, and in the whole form.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

scenario('the way in works before the rest of the page is there: what was asked for meanwhile is done then', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const { page } = alice;
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  await page.route('**/main.js', async (route) => {
    await released;
    await route.continue();
  });
  await alice.open(server, { room: 'demo' });
  assert.equal(await page.evaluate(() => customElements.get('aq-app') === undefined), true, 'the rest is not there');
  await page.keyboard.type('Alice');
  assert.equal(await alice.element('name-input').inputValue(), 'Alice', 'the name has the focus');
  await alice.element('preview-cam').click();
  await alice.clickJoin();
  await alice.element('join-button').getByText('Joining').waitFor();
  assert.deepEqual(await server.rooms(), {});
  release();
  await alice.reaches('connected');
  await until('the camera is off, the microphone on', async () => {
    const tile = await alice.tileOf('Alice');
    return tile && !tile.video && !tile.muted;
  }, { seen: () => alice.tiles() });
});

scenario('whoever types while the rest of the page comes loses neither a letter nor the focus', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const { page } = alice;
  await page.route('**/main.js', async (route) => {
    await alice.element('join-form').waitFor();
    await page.keyboard.type('Al');
    await route.continue();
  });
  await alice.open(server, { room: 'demo' });
  await alice.element('announcer').waitFor({ state: 'attached' });
  await alice.sawPreview();
  await page.keyboard.type('ice');
  assert.equal(await alice.element('name-input').inputValue(), 'Alice');
});

scenario('a second visit asks the server for the page and for no file of it', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  await alice.open(server, { room: 'demo' });
  await alice.sawPreview();
  await alice.page.goto('about:blank');
  /** @type {string[]} */
  const asked = [];
  const cdp = await alice.context.newCDPSession(alice.page);
  await cdp.send('Network.enable');
  cdp.on('Network.responseReceived', ({ response }) => {
    if (response.url.startsWith('http') && !response.fromDiskCache) asked.push(response.url.replace(server.origin(), ''));
  });
  await alice.open(server, { room: 'demo' });
  await alice.sawPreview();
  assert.ok(asked.includes('/aq_server/?room=demo'), asked.join());
  assert.deepEqual(asked.filter((url) => /\.(js|css)$/.test(url)), []);
});

/**
 * What browsers' own tools call 4G: round trip in ms, rates in bit/s; over https, where the page
 * comes by HTTP/2, or not. With a short delay Chromium's own brake sometimes forgets half of the
 * answers of an HTTP/2 connection, all of which the server has sent, and once let go of it may
 * hold back others: hence a browser for each.
 */
const PROFILES = {
  'https, no delay': { tls: true, latency: 0, down: 0, up: 0 },
  'http, regular 4G (20 ms, 4 Mbit/s)': { tls: false, latency: 20, down: 4e6, up: 3e6 },
  'https, fast 4G (165 ms, 8.1 Mbit/s)': { tls: true, latency: 165, down: 8.1e6, up: 1.35e6 },
};

/**
 * Milliseconds from following the link to a way in that can be used, and until all is there, with
 * nothing in the cache.
 *
 * @param {import('./support/person.mjs').Person} person
 * @param {import('./support/server.mjs').Server} server
 */
async function load({ page }, server) {
  await page.goto(server.page('?room=demo&username=Alice'), { waitUntil: 'commit' });
  await page.locator('[data-testid="join-button"]').waitFor();
  const usable = await page.evaluate(() => performance.now());
  await page.locator('[data-testid="announcer"]').waitFor({ state: 'attached' });
  const whole = await page.evaluate(() => performance.now());
  await page.goto('about:blank');
  return { usable, whole };
}

scenario('measured: the first load on a network like 4G', async (stage) => {
  const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  for (const [name, { tls, latency, down, up }] of Object.entries(PROFILES)) {
    const server = await stage.server(tls ? { TLS: 'self-signed' } : {});
    const alice = await stage.person('Alice', { colour: 'red', context: { ignoreHTTPSErrors: true } });
    const cdp = await alice.context.newCDPSession(alice.page);
    await cdp.send('Network.enable');
    if (latency > 0) await cdp.send('Network.emulateNetworkConditions', { offline: false, latency, downloadThroughput: down / 8, uploadThroughput: up / 8 });
    const loads = [];
    for (let i = 0; i < 7; i++) {
      await cdp.send('Network.clearBrowserCache');
      loads.push(await load(alice, server));
    }
    const [usable, whole] = [median(loads.map((l) => l.usable)), median(loads.map((l) => l.whole))];
    console.log(`first load, ${name}, median of ${loads.length}: usable after ${usable.toFixed(0)} ms, all of it there after ${whole.toFixed(0)} ms`);
    assert.ok(usable < 3_000, `${usable} ms`);
  }
}, { whole: true });
