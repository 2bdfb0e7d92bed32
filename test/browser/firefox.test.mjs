// The built-in page in Debian's own Firefox, with somebody in Chromium.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';
import { videoColours } from './support/probe.mjs';
import { nameColour } from './support/video.mjs';

/** What Firefox receives and shows, read from the page itself. */
async function received() {
  const page = /** @type {any} */ (document.querySelector('aq-app'));
  const sum = { frames: 0, audioEnergy: 0, sent: 0 };
  for (const report of (await page.session.stats())?.values() ?? []) {
    if (report.type === 'inbound-rtp') {
      sum.frames += report.framesDecoded ?? 0;
      sum.audioEnergy += report.totalAudioEnergy ?? 0;
    } else if (report.type === 'outbound-rtp' && report.kind === 'video') {
      sum.sent += report.framesEncoded ?? 0;
    }
  }
  return sum;
}

scenario('our page in Firefox and in Chromium: both see, hear and write', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red', size: [1280, 720] });
  const firefox = await stage.firefox();
  await firefox.goto(server.page('?room=demo'));
  await firefox.fill('[data-testid="name-input"]', 'Fox');
  await firefox.click('[data-testid="join-button"]');
  await alice.join(server, 'demo');

  await alice.hasOthers(['Fox']);
  await alice.seesPictureOf('Fox');
  await alice.decodesFor(2_000);
  await alice.hears();

  const seen = () => firefox.evaluate(received);
  const colour = async () => {
    const [rgb] = await firefox.evaluate(videoColours, '[data-testid="tile"][data-name="Alice"] video');
    return nameColour(rgb ?? null);
  };
  await until('Firefox sees red', async () => (await colour()) === 'red', { timeout: 20_000, seen });
  await until('Firefox hears', async () => (await seen()).audioEnergy > 0, { seen });
  const { frames } = await seen();
  await until('Firefox goes on decoding', async () => (await seen()).frames > frames + 30, { seen });

  await firefox.click('[data-testid="chat-button"]');
  await firefox.fill('[data-testid="chat-input"]', 'Hello from Firefox');
  await firefox.click('[data-testid="chat-send"]');
  await alice.reads('Hello from Firefox', 'Fox');
  await alice.say('Hello Fox');
  await until('Firefox reads it', () =>
    firefox.evaluate(() => document.querySelector('[data-testid="chat-list"]')?.textContent?.includes('Hello Fox')),
  );
  await firefox.click('[data-testid="leave-button"]');
  await alice.hasOthers([], 3_000);
});

scenario('a reload in Firefox: the same person is back without a click', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const firefox = await stage.firefox();
  await firefox.goto(server.page('?room=demo'));
  await firefox.fill('[data-testid="name-input"]', 'Fox');
  await firefox.click('[data-testid="join-button"]');
  await alice.join(server, 'demo');
  await alice.seesPictureOf('Fox');
  const before = await alice.tileOf('Fox');
  await firefox.evaluate(() => location.reload());
  await until('Fox is back', async () => {
    const tile = await alice.tileOf('Fox');
    // Firefox asks for the devices again, so they are off.
    return tile && !tile.lost && tile.muted && !tile.video;
  }, { timeout: 30_000, seen: () => alice.tiles() });
  assert.equal((await alice.tileOf('Fox'))?.peerId, before?.peerId);
});

scenario('what Firefox has of the rest: a new room, a layout, a reaction, a message to one alone, a file, the settings', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const firefox = await stage.firefox();
  const byTest = (/** @type {string} */ id) => `[data-testid="${id}"]`;
  const there = (/** @type {string} */ selector) => until(`Firefox shows ${selector}`, () => firefox.evaluate((s) => document.querySelector(s)?.checkVisibility() ?? false, selector));
  const click = async (/** @type {string} */ id) => {
    await there(byTest(id));
    await firefox.click(byTest(id));
  };
  await firefox.goto(server.page());
  await click('room-new');
  await there(byTest('name-input'));
  await firefox.fill(byTest('name-input'), 'Fox');
  await click('join-button');
  await there(byTest('room-name'));
  const room = await firefox.evaluate(() => new URL(location.href).searchParams.get('room'));
  assert.match(room, /^[a-z]+(-[a-z]+){3}-\d+$/);
  await alice.join(server, room);
  await alice.seesPictureOf('Fox');

  await click('layout-button');
  await click('menu-layout-speaker');
  await until('one is large', () => firefox.evaluate(() => document.querySelectorAll('aq-tile[data-large]').length === 1));
  await click('layout-button');
  await click('react-button');
  await click('menu-react-yes');
  await alice.element('reaction').first().waitFor({ state: 'attached' });

  await click('chat-button');
  await there(byTest('chat-to'));
  await firefox.evaluate(() => {
    const select = /** @type {HTMLSelectElement} */ (document.querySelector('[data-testid="chat-to"]'));
    select.value = [...select.options].find((o) => o.text === 'Alice')?.value ?? '';
    select.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await firefox.fill(byTest('chat-input'), 'For you alone');
  await click('chat-send');
  await alice.openPanel('chat');
  await alice.reads('For you alone', 'Fox');
  await alice.element('chat-private').waitFor();
  await firefox.evaluate(() => {
    const files = new DataTransfer();
    files.items.add(new File(['x'.repeat(100_000)], 'plan.txt', { type: 'text/plain' }));
    const input = /** @type {HTMLInputElement} */ (document.querySelector('[data-testid="file-input"]'));
    input.files = files.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await alice.element('file-accept').click();
  await alice.element('file-save').waitFor();

  await click('settings-button');
  await there(byTest('switch-saveData'));
  await click('settings-close');
  await click('leave-button');
  await alice.hasOthers([], 3_000);
}, { whole: true });
