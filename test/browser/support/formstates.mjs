// The states before, beside and after the call, for states.mjs: the landing page, the way in, the
// settings, the chat, and how a visit ends.

import { until } from './until.mjs';

/** @typedef {import('./states.mjs').Show} Show */

// Nothing moves, so that nothing is looked at half-way through a change.
const context = /** @type {const} */ ({ reducedMotion: 'reduce' });

/** @param {import('./stage.mjs').Stage} stage @param {Show} show */
export async function formStates(stage, show) {
  await wayIn(stage, show);
  await lobbyAndEnd(stage, show);
  await chat(stage, show);
  await tooOld(stage, show);
}

/** @param {import('./stage.mjs').Stage} stage @param {Show} show */
async function wayIn(stage, show) {
  const server = await stage.server();
  const guest = await stage.person('Grace Hopper', { hue: 200, context });
  await guest.open(server);
  await show('landing', guest);
  await guest.element('room-go').click();
  await until('the empty name is objected to', async () => (await guest.element('room-note').innerText()) !== '');
  await guest.page.evaluate((day) => {
    const rooms = ['weekly', 'calm-otter-piano-river-427', 'Vorstand der Genossenschaft Unter den Linden 14 bis 22'];
    localStorage.setItem('aq-rooms', JSON.stringify(rooms.map((room, i) => ({ room, at: Date.now() - i * 2 * day }))));
  }, 86_400_000);
  await guest.page.reload();
  await guest.element('recent-room').first().waitFor();
  await guest.element('room-input').fill('a/b');
  await until('the name is objected to', async () => (await guest.element('room-input').getAttribute('aria-invalid')) === 'true');
  await show('landing-recent', guest);

  const others = await Promise.all(['Ann', 'Bob', 'Carol'].map((name) => stage.person(name, { context })));
  for (const other of others) await other.join(server, 'weekly', { watch: true });
  await guest.element('recent-room').first().click();
  await guest.element('name-input').fill('Grace Hopper');
  await guest.sawPreview();
  await until('the names are known', async () => (await guest.element('inside-note').innerText()).includes('Ann'));
  await show('join-people-inside', guest);
  await guest.element('join-settings').click();
  await guest.element('settings').waitFor();
  await show('settings-before', guest);
  await guest.page.locator('.dialog-body').evaluate((body) => body.scrollTo(0, body.scrollHeight));
  await guest.page.locator('dialog').evaluate((dialog) => dialog.scrollTo(0, dialog.scrollHeight));
  await show('settings-end', guest);
  await stage.dismiss(guest, ...others);
}

/** @param {import('./stage.mjs').Stage} stage @param {Show} show */
async function lobbyAndEnd(stage, show) {
  const server = await stage.server({ OPEN_MODERATION: 'first', LOBBY: 'on' });
  const host = await stage.person('Host', { context });
  const bob = await stage.person('Bob', { hue: 20, context });
  await host.join(server, 'demo', { watch: true });
  await bob.open(server, { room: 'demo' });
  await bob.element('name-input').fill('Bob');
  await bob.sawPreview();
  await bob.clickJoin();
  await bob.element('lobby').waitFor();
  await show('lobby', bob);
  await host.element('people-button').click();
  await host.element('admit').click();
  await bob.reaches('connected');
  await host.element('person-menu').last().click();
  await host.element('do-remove').last().click();
  await host.element('do-remove').last().click();
  await bob.element('error-box').waitFor();
  await show('removed', bob);
  await stage.dismiss(host, bob);
}

/** @param {import('./stage.mjs').Stage} stage @param {Show} show */
async function chat(stage, show) {
  const server = await stage.server();
  const alice = await stage.person('Alice', { hue: 280, context });
  const bob = await stage.person('Bob', { hue: 20, context });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);
  await Promise.all([alice.reaches('connected'), bob.reaches('connected')]);
  await bob.say('Good morning, the plan is at https://example.org/plan');
  await bob.say('Questions to plan@example.org, please.');
  await alice.say('Thank you, Bob');
  await alice.closePanel();
  await bob.say('@Alice can you say something about the third point?');
  await bob.element('chat-to').selectOption({ label: 'Alice' });
  await bob.say('Just between us: it is not ready yet.');
  await until('two are unread', async () => (await alice.element('unread-count').innerText()) === '2');
  await show('chat-mention-notice', alice);
  await alice.openPanel('chat');
  await alice.element('chat-new').waitFor();
  await show('chat-unread', alice);
  await alice.element('chat-to').selectOption({ label: 'Bob' });
  await alice.element('chat-input').fill('Then we');
  await alice.page.locator('[data-testid="chat-message"]').last().hover();
  await show('chat-private', alice);
  await alice.element('chat-to').selectOption('');
  await alice.element('chat-input').fill('');
  await alice.element('chat-input').pressSequentially('Ask @B');
  await alice.element('mention-list').waitFor();
  await show('chat-mention', alice);
  await alice.element('chat-input').press('Escape');
  await alice.element('chat-input').fill('');
  const picture = await bob.page.screenshot({ type: 'png' });
  await bob.openPanel('chat');
  await bob.element('chat-to').selectOption('');
  await bob.element('file-input').setInputFiles({ name: 'screenshot of the plan.png', mimeType: 'image/png', buffer: picture });
  await alice.element('file-accept').click();
  await alice.element('file-save').waitFor();
  await bob.element('file-input').setInputFiles({ name: 'plan.odt', mimeType: 'application/vnd.oasis.opendocument.text', buffer: Buffer.alloc(48_000) });
  await until('the second file is offered', () => alice.element('file-accept').last().isVisible(), {
    timeout: 30_000,
    seen: () => alice.page.evaluate(() => /** @type {any} */ (document.querySelector('aq-app')).session.state.files.map((/** @type {any} */ { name, state, reason }) => ({ name, state, reason }))),
  });
  await alice.page.locator('.chat-scroll').evaluate((list) => list.scrollTo(0, list.scrollHeight));
  await show('chat-files', alice);
  await stage.dismiss(alice, bob);
}

/** @param {import('./stage.mjs').Stage} stage @param {Show} show */
async function tooOld(stage, show) {
  const server = await stage.server();
  const old = await stage.person('Too old', { context });
  await old.page.route('**/start.js', (route) => route.fulfill({ contentType: 'text/javascript', body: 'this is no language of its time' }));
  await old.page.goto(server.page());
  await old.page.locator('#too-old').waitFor();
  await show('too-old', old);
  await old.context.browser()?.close(); // an error nobody caught is what it is about
}
