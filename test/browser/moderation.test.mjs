// Moderation and invitations at the built-in page.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { root } from './support/server.mjs';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

/** What a moderator picks from somebody's menu. @param {import('./support/person.mjs').Person} by @param {string} name @param {string} deed @param {boolean} [twice] */
async function pick(by, name, deed, twice = false) {
  await by.openPanel('people');
  const entry = by.element('person').filter({ hasText: name });
  await entry.locator('[data-testid="person-menu"]').click();
  const button = entry.locator(`[data-testid="do-${deed}"]`);
  await button.click();
  if (twice) await button.click();
}

/** @param {import('./support/person.mjs').Person} person @param {string} id */
const off = (person, id) => person.element(id).getAttribute('data-off').then((v) => v !== null);

scenario('a moderator turns off a microphone, forbids it, and sends somebody away', async (stage) => {
  const server = await stage.server({ OPEN_MODERATION: 'first' });
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'blue' });
  await alice.join(server, 'demo');
  await bob.join(server, 'demo');
  await until('Bob is on', async () => !(await off(bob, 'mic-button')) && !(await off(bob, 'cam-button')));
  await bob.openPanel('people');
  assert.equal(await bob.element('moderation').isVisible(), false, 'who is second sees no moderation');
  assert.equal(await bob.element('person-menu').first().isVisible(), false);

  await pick(alice, 'Bob', 'mute');
  await until('Bob is muted', () => off(bob, 'mic-button'));
  await until('Bob is told', async () => (await bob.element('toast').filter({ hasText: 'Alice turned off your microphone' }).count()) > 0);
  await bob.element('mic-button').click();
  await until('Bob speaks again', async () => !(await off(bob, 'mic-button')));

  await pick(alice, 'Bob', 'mute-hard');
  await until('Bob is muted again', () => off(bob, 'mic-button'));
  await bob.element('mic-button').click();
  await until('Bob is told why not', async () => (await bob.element('toast').filter({ hasText: 'A moderator has turned off' }).count()) > 0);
  assert.equal(await off(bob, 'mic-button'), true, 'Bob did not unmute himself');
  await pick(alice, 'Bob', 'unmute');
  await until('the words are gone', async () => (await bob.element('mic-button').getAttribute('aria-label')) === 'Turn microphone on');
  await bob.element('mic-button').click();
  await until('Bob speaks once more', async () => !(await off(bob, 'mic-button')));

  await alice.openPanel('people');
  await alice.element('moderation').click();
  await alice.element('policy-screen').click();
  await until('Bob may not share his screen', async () => !(await bob.element('screen-button').isVisible()));
  assert.equal(await alice.element('policy-screen').isChecked(), false);

  await pick(alice, 'Bob', 'ban', true);
  await until('Bob is out', async () => (await bob.element('error-box').getAttribute('data-code').catch(() => '')) === 'removed');
  assert.equal(await bob.element('join-button').isVisible(), false, 'there is no way back on that page');
  await bob.page.reload();
  await until('he is told before he tries', async () => (await bob.element('inside-note').innerText()) !== '');
  await bob.clickJoin();
  await until('Bob stays out', async () => (await bob.element('error-box').count()) > 0 && (await bob.element('error-box').getAttribute('data-code')) === 'removed');
});

scenario('whoever waits sees that, and is let in', async (stage) => {
  const server = await stage.server({ OPEN_MODERATION: 'first', LOBBY: 'on' });
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'blue' });
  await alice.join(server, 'demo');
  await bob.open(server, { room: 'demo' });
  await bob.element('name-input').fill('Bob <b>&amp;');
  await bob.clickJoin();
  await bob.element('lobby').waitFor();
  await alice.element('people-button').click();
  await alice.element('waiting').waitFor();
  assert.match((await alice.element('waiting').textContent()) ?? '', /Bob <b>&amp;/);
  await alice.element('admit').click();
  await bob.element('room-name').waitFor();
  await until('nobody waits', async () => (await alice.element('waiting').count()) === 0);
});

scenario('an invitation opens the room and leaves the address', async (stage) => {
  const secret = '0123456789abcdef0123456789abcdef';
  const server = await stage.server({ AUTH: 'jwt', AUTH_SECRET: secret });
  const alice = await stage.person('Alice', { colour: 'red' });
  const output = execFileSync(process.env.AQ_SERVER ?? path.join(root, 'bin', 'server'), ['token', '-room', 'demo', '-name', 'Alice', '-role', 'viewer', '-url', server.origin()], { env: { AUTH_SECRET: secret }, encoding: 'utf8' });
  const [token, link] = output.trim().split('\n');
  await alice.page.goto(link);
  await alice.element('join-form').waitFor();
  assert.equal(alice.page.url(), server.page('?room=demo'));
  await alice.clickJoin(true);
  await alice.element('room-name').waitFor();
  assert.equal(await alice.element('mic-button').isVisible(), false, 'a viewer has no microphone button');
  assert.equal(server.log.includes(token), false, 'the token is not in the log');
  await alice.page.goto(server.page('?room=other'));
  await alice.element('join-form').waitFor();
  await alice.clickJoin(true);
  await until('the other room stays closed', async () => (await alice.element('error-box').getAttribute('data-code').catch(() => '')) === 'token_invalid');
});
