// The page speaks the language of its reader, and another one at once when he asks for it.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

scenario('the browser\'s language from the first request on, another one in the middle of a call, and that one after a reload', async (stage) => {
  const server = await stage.server();
  const bob = await stage.person('Bob', { colour: 'green' });
  const alice = await stage.person('Alice', { colour: 'red', context: { locale: 'de-AT' } });
  /** @type {string[]} */
  const catalogues = [];
  alice.page.on('request', (request) => {
    const name = /\/i18n\/([a-z]{2})\.js$/.exec(request.url())?.[1];
    if (name) catalogues.push(name);
  });
  const language = () => alice.page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]);
  const label = (/** @type {string} */ id) => alice.element(id).getAttribute('aria-label');

  await Promise.all([bob.join(server, 'demo'), alice.open(server, { room: 'demo' })]);
  assert.deepEqual(await language(), ['de', 'ltr']);
  assert.equal(await alice.element('join-button').innerText(), 'Beitreten');
  assert.deepEqual(catalogues, ['de'], 'one catalogue, once');
  await alice.element('name-input').fill('Alice');
  await alice.clickJoin();
  await Promise.all([alice.sees('Bob', 'green'), alice.hears(), alice.reaches('connected')]);
  assert.equal(await label('mic-button'), 'Mikrofon ausschalten');

  await alice.openPanel('chat');
  await alice.element('chat-input').fill('Not sent yet');
  await alice.page.evaluate(() => Object.assign(window, { player: document.querySelector('[data-testid="remote-audio"]') }));
  await alice.element('settings-button').click();
  await alice.element('language-select').selectOption('en');
  await until('the words are English', async () => (await label('mic-button')) === 'Turn microphone off', { seen: () => label('mic-button') });
  assert.deepEqual(await language(), ['en', 'ltr']);
  assert.equal(await alice.element('settings').isVisible(), true, 'the dialog is still open');
  assert.equal(await alice.page.evaluate(() => document.activeElement?.getAttribute('data-testid')), 'language-select');
  await alice.element('settings-close').click();
  assert.equal(await alice.element('chat-input').inputValue(), 'Not sent yet');
  await alice.element('chat-send').click();
  await bob.reads('Not sent yet', 'Alice');
  await alice.sees('Bob', 'green');
  const heard = await alice.page.evaluate(() => {
    const { player } = /** @type {{player?: HTMLAudioElement}} */ (/** @type {unknown} */ (window));
    return player?.isConnected && !player.paused;
  });
  assert.equal(heard, true, 'the sound went on');
  assert.deepEqual([await alice.connections(), await alice.closeCodes()], [1, []], 'nobody left the call');
  assert.deepEqual(catalogues, ['de', 'en']);

  await alice.page.reload();
  await alice.reaches('connected');
  assert.deepEqual(await language(), ['en', 'ltr']);
  await until('the microphone is on again', async () => (await label('mic-button')) === 'Turn microphone off', { seen: () => label('mic-button') });
  await alice.leave();
  await alice.element('join-form').waitFor();
  await alice.element('join-language').selectOption('de');
  await until('the way in is German', async () => (await alice.element('join-button').innerText()) === 'Wieder beitreten');
  await alice.element('another-room').click();
  await alice.element('room-input').fill('not yet sent');
  await alice.element('landing-language').selectOption('en');
  await until('the landing page is English', async () => (await alice.element('room-new').innerText()) === 'New room');
  assert.equal(await alice.element('room-input').inputValue(), 'not yet sent');
});
