// The examples, each on an origin of its own beside a real server: the page in a frame, and a
// client made with aq-client.js.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { inbound, videoColours } from './support/probe.mjs';
import { root } from './support/server.mjs';
import { scenario } from './support/stage.mjs';
import { serve } from './support/static.mjs';
import { until } from './support/until.mjs';
import { nameColour } from './support/video.mjs';

/**
 * The examples under two hostnames, both of them other sites than the server's.
 *
 * @param {import('./support/stage.mjs').Stage} stage
 */
async function serveExamples(stage) {
  const { origin, close } = await serve(path.join(root, 'examples'));
  stage.after(close);
  return { site: origin.replace('localhost', 'site.localhost'), stranger: origin.replace('localhost', 'stranger.localhost') };
}

/** @param {import('./support/server.mjs').Server} server @param {string} username */
const query = (server, username) => `?${new URLSearchParams({ server: server.origin(), room: 'demo', username })}`;

/** What the frame has told the example so far. @param {import('playwright-core').Page} page @returns {Promise<any[]>} */
async function told(page) {
  return (await page.locator('#log div').allTextContents()).map((line) => JSON.parse(line));
}

/** Waits for a word of the frame. @param {import('playwright-core').Page} page @param {string} type @param {(event: any) => boolean} [matches] */
function hears(page, type, matches = () => true) {
  return until(`the frame says ${type}`, async () => (await told(page)).find((e) => e.type === type && matches(e)), { timeout: 20_000, seen: () => told(page) });
}

scenario('a page of another site shows the meeting in a frame and tells it what to do', async (stage) => {
  const { site, stranger } = await serveExamples(stage);
  const server = await stage.server({ EMBED_ORIGINS: site });
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'blue' });
  const { page } = bob;
  await alice.join(server, 'demo');

  // Who is not on the list may not even show it.
  await page.goto(`${stranger}/embed.html${query(server, 'Bob')}`);
  await until('the browser refuses the frame', () => bob.console.some((line) => line.includes('frame-ancestors')), { seen: () => bob.console });
  assert.deepEqual(await told(page), []);

  await page.goto(`${site}/embed.html${query(server, 'Bob')}`);
  await hears(page, 'ready');
  await page.getByRole('button', { name: 'Join' }).click();
  const joined = await hears(page, 'joined');
  assert.deepEqual([joined.room, joined.username, joined.peers.map((/** @type {any} */ p) => p.username)], ['demo', 'Bob', ['Alice']]);
  const frame = /** @type {import('playwright-core').Frame} */ (page.frames().find((f) => f.url().startsWith(server.origin())));
  const colour = async () => nameColour((await frame.evaluate(videoColours, '[data-testid="tile"][data-name="Alice"] video'))[0] ?? null);
  await until('the frame shows Alice', async () => (await colour()) === 'red', { timeout: 20_000, seen: colour });
  await alice.sees('Bob', 'blue');
  await until('sound comes', async () => (await frame.evaluate(inbound)).audioEnergy > 0);

  assert.equal(await frame.locator('[data-testid="settings-button"]').isVisible(), false, 'hide=settings');
  assert.equal(await frame.locator('[data-testid="chat-button"]').isVisible(), true);
  assert.equal(await frame.evaluate(() => document.documentElement.dataset.theme), 'light', 'theme=light');

  const layout = () => frame.evaluate(() => /** @type {any} */ (document.querySelector('aq-stage')).model?.arrangement.layout);
  assert.equal(await layout(), 'auto');
  await page.evaluate((origin) => window.frames[0].postMessage({ aq: 1, type: 'layout', layout: 'speaker' }, origin), server.origin());
  await until('the layout is the other one', async () => (await layout()) === 'speaker');

  await page.getByRole('button', { name: 'Microphone' }).click();
  await hears(page, 'muted', (e) => e.microphone && !e.camera);
  await until('Alice sees that Bob is muted', async () => (await alice.tileOf('Bob'))?.muted);
  await page.getByRole('button', { name: 'Hand' }).click();
  await hears(page, 'hand', (e) => e.on);
  await page.getByRole('button', { name: 'Say hello' }).click();
  await alice.reads('Hello from the page around', 'Bob');
  await alice.say('Hello, frame');
  await hears(page, 'chat', (e) => e.username === 'Alice' && e.message === 'Hello, frame');

  // Another window in the page, of an origin that is not on the list, is not listened to.
  await page.evaluate((src) => {
    const other = document.createElement('iframe');
    other.src = src;
    document.body.append(other);
  }, `${stranger}/client.html`);
  const other = await until('the other frame is there', () => page.frames().find((f) => f.url().startsWith(stranger)));
  await other.evaluate((target) => {
    for (let i = 0; i < window.parent.length; i++) window.parent[i].postMessage({ aq: 1, type: 'leave' }, '*');
    return target;
  }, server.origin());
  // What the page is told after it has been dealt with after it.
  await page.getByRole('button', { name: 'Hand' }).click();
  await hears(page, 'hand', (e) => !e.on);
  assert.equal((await told(page)).some((e) => e.type === 'left'), false, 'a stranger made Bob leave');

  await alice.leave();
  await hears(page, 'peer_left', (e) => e.username === 'Alice');
  await page.getByRole('button', { name: 'Leave' }).click();
  await hears(page, 'left', (e) => e.code === 'left');
});

scenario('a page of another site is in the room by aq-client.js', async (stage) => {
  const { site, stranger } = await serveExamples(stage);
  const server = await stage.server({ ALLOWED_ORIGINS: site });
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'blue' });
  const { page } = bob;

  await page.goto(`${stranger}/client.html`);
  const refused = await page.evaluate((module) => import(module).then(() => 'imported', (error) => error.name), `${server.origin()}/aq_server/aq-client.js`);
  assert.equal(refused, 'TypeError', 'who may not connect may not import');
  const foreign = await page.evaluate(() => window.__aq.errors.length);
  assert.ok(foreign > 0, 'the example on a stranger has failed');

  await page.goto(`${site}/client.html${query(server, 'Bob')}`);
  await page.getByRole('button', { name: 'Join' }).click();
  const state = page.locator('#state');
  await until('Bob is in', async () => (await state.innerText()) === 'joined', { seen: () => state.innerText() });
  await alice.join(server, 'demo');
  const colours = async () => (await page.evaluate(videoColours, 'figure video')).map(nameColour);
  await until('Bob sees himself and Alice', async () => (await colours()).join() === 'blue,red', { timeout: 20_000, seen: colours });
  await alice.sees('Bob', 'blue');
  await alice.hears();
  await until('Bob hears Alice', async () => (await page.evaluate(inbound)).audioEnergy > 0);
  const playing = () => page.evaluate(() => [...document.querySelectorAll('audio')].filter((a) => !a.paused).length);
  await until('her voice is played', async () => (await playing()) === 1, { seen: playing });

  await page.getByLabel('Message').fill('Hello from a client');
  await page.getByRole('button', { name: 'Send' }).click();
  await alice.reads('Hello from a client', 'Bob');
  await alice.say('Hello, client');
  await until('Bob reads it', async () => (await page.locator('#messages').innerText()).includes('Alice: Hello, client'));
  await page.getByRole('button', { name: 'Microphone' }).click();
  await until('Alice sees that Bob is muted', async () => (await alice.tileOf('Bob'))?.muted);

  // To one alone, a sign for all, and a file.
  await page.evaluate(() => {
    const { room } = window;
    window.heard = /** @type {any[]} */ ([]);
    for (const type of ['chat', 'reaction', 'file']) room.on(type, (/** @type {any} */ detail) => window.heard.push({ ...detail, event: type }));
    const [alice] = room.peers;
    room.chat('For Alice alone', alice.id);
    room.react('👍');
    room.offerFile(new File(['a plan'], 'plan.txt', { type: 'text/plain' }), alice.id);
  });
  await alice.reads('For Alice alone', 'Bob');
  await alice.page.locator('[data-testid="chat-private"]').first().waitFor();
  await alice.element('file-accept').click();
  await alice.element('file-save').waitFor();
  await alice.say('And one back');
  await alice.element('file-input').setInputFiles({ name: 'answer.txt', mimeType: 'text/plain', buffer: Buffer.from('an answer') });
  const last = (/** @type {string} */ name) => page.evaluate((name) => window.heard.filter((/** @type {any} */ h) => h.event === 'file' && h.name === name).at(-1) ?? null, name);
  await until('Bob is offered a file', async () => (await last('answer.txt'))?.state === 'offered');
  await page.evaluate((key) => window.room.acceptFile(key), (await last('answer.txt')).key);
  await until('it has come', async () => (await last('answer.txt')).state === 'done', { seen: () => last('answer.txt') });
  assert.equal(await page.evaluate(() => window.room.files.at(-1).blob.text()), 'an answer');
  assert.equal((await last('plan.txt')).state, 'done');
  const heard = await page.evaluate(() => window.heard.filter((/** @type {any} */ h) => h.event !== 'file').map((/** @type {any} */ h) => `${h.event} ${h.message ?? h.emoji} ${h.to ? 'alone' : ''}`.trim()));
  assert.deepEqual(heard.sort(), ['chat And one back', 'chat For Alice alone alone', 'reaction 👍']);

  // What nobody can see is not sent.
  await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('#people')).style.setProperty('display', 'none'));
  const frames = async () => (await page.evaluate(inbound)).frames;
  await until('no picture comes any more', async () => {
    const before = await frames();
    await new Promise((resolve) => setTimeout(resolve, 700));
    return (await frames()) === before;
  });
  await page.evaluate(() => /** @type {HTMLElement} */ (document.querySelector('#people')).style.removeProperty('display'));
  const before = await frames();
  await until('pictures come again', async () => (await frames()) > before);

  await page.getByRole('button', { name: 'Leave' }).click();
  await alice.hasOthers([]);
  assert.match(await state.innerText(), /^left/);

  // The ten lines of the document, as they stand there.
  const [, lines] = /```html\n(<div id="people">[\s\S]*?)```/.exec(readFileSync(path.join(root, 'docs', 'embedding.md'), 'utf8')) ?? [];
  await page.setContent(lines.replace('https://meet.example.org', server.origin()).replace("'Alice'", "'Reader'").replace("'Hello'", "'Hello from the document'"));
  await alice.reads('Hello from the document', 'Reader', 15_000);
  const pictures = async () => (await page.evaluate(videoColours, '#people video')).map(nameColour);
  await until('the reader sees himself and Alice', async () => (await pictures()).join() === 'blue,red', { timeout: 20_000, seen: pictures });
});
