// The check of the connection: what it finds where all is well, and where something is wrong.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { violations } from './support/axe.mjs';
import { root } from './support/server.mjs';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

/** What stands in the list. @param {import('./support/person.mjs').Person} person @returns {Promise<Record<string, {level: string, text: string}>>} */
async function results(person) {
  return Object.fromEntries(
    await person.element('check-item').evaluateAll((items) =>
      items.map((item) => [item.getAttribute('data-check'), { level: item.getAttribute('data-level'), text: item.textContent }]),
    ),
  );
}

/** Runs the whole check. @param {import('./support/person.mjs').Person} person @param {string} url */
async function check(person, url) {
  await person.page.goto(url);
  await person.element('check-start').click();
  await until('the check is over', () => person.element('check-summary').isVisible(), { timeout: 60_000, seen: () => results(person) });
  return { level: await person.element('check-summary').getAttribute('data-level'), ...(await results(person)) };
}

scenario('the check of a connection where all is well', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red', context: { permissions: ['camera', 'microphone', 'clipboard-write'] } });
  const found = await check(alice, server.page('check'));
  for (const id of ['browser', 'server', 'microphone', 'camera', 'join', 'media']) assert.equal(found[id].level, 'good', `${id}: ${found[id].text}`);
  // This machine may be too busy for thirty frames a second, but a picture came back.
  assert.match(found.quality.text, /Round trip .*loss .*640 × 360/);
  assert.notEqual(found.quality.level, 'bad', found.quality.text);
  assert.match(found.media.text, /UDP over IPv/);
  assert.equal(found.speaker.level, 'unknown');
  await alice.element('check-not-heard').click();
  assert.equal((await results(alice)).speaker.level, 'bad');
  await alice.element('check-tone').click();
  await alice.element('check-heard').click();
  assert.equal((await results(alice)).speaker.level, 'good');
  await alice.element('check-copy').click();
  await alice.element('check-copy').filter({ hasText: 'Copied' }).waitFor();
  const report = await alice.element('check-report').inputValue();
  assert.match(report, /^AQ Server, http:\/\/localhost/);
  assert.match(report, /\[Good\] Sound and picture: Connected within/);
  assert.deepEqual(await violations(alice.page), []);
  // Nobody is left in a room.
  await until('the room is empty', async () => Object.keys(await server.rooms()).length === 0, { seen: () => server.rooms() });
});

scenario('the check says what is wrong: no camera, no way for media, no invitation', async (stage) => {
  const secret = '0123456789abcdef0123456789abcdef';
  const server = await stage.server();
  const closed = await stage.server({ AUTH: 'jwt', AUTH_SECRET: secret });
  const denied = await stage.person('Denied', { ask: true });
  await denied.context.grantPermissions(['notifications']);

  // As behind a firewall: what is sent to the server's addresses arrives nowhere (RFC 5737).
  await denied.page.addInitScript(() => {
    const { setRemoteDescription: apply } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
      const blocked = location.hash === '#blocked';
      return apply.call(this, { type, sdp: blocked ? sdp?.replace(/^(a=candidate:(?:\S+ ){4})\S+/gm, '$1192.0.2.1') : sdp });
    };
  });
  const found = await check(denied, server.page('check#blocked'));
  assert.deepEqual([found.level, found.camera.level, found.microphone.level, found.join.level, found.media.level, found.quality.level], ['bad', 'bad', 'bad', 'good', 'bad', 'unknown']);
  assert.match(found.camera.text, /blocked.*Allow access/);
  assert.match(found.media.text, /Nothing gets through to 192\.0\.2\.1:\d+/);

  const outside = await check(denied, closed.page('check'));
  assert.deepEqual([outside.level, outside.server.level, outside.join.level], ['bad', 'bad', 'unknown']);
  assert.match(outside.server.text, /only who has an invitation/);

  // An invitation for rooms like that of the check opens it, also to who has no devices.
  const token = (/** @type {string} */ room) =>
    execFileSync(process.env.AQ_SERVER ?? path.join(root, 'bin', 'server'), ['token', '-room', room, '-pattern', '-ttl', '1h'], {
      env: { ...process.env, AUTH_SECRET: secret },
      encoding: 'utf8',
    }).split('\n')[0];
  const wrong = await check(denied, closed.page(`check?token=${token('demo')}`));
  assert.match(wrong.server.text, /does not open the room/);
  const right = await check(denied, closed.page(`check?token=${token('check-*')}`));
  assert.equal(new URL(denied.page.url()).search, '', 'the token is out of the address');
  assert.deepEqual([right.server.level, right.camera.level, right.join.level, right.media.level], ['good', 'bad', 'good', 'good']);
  assert.match(right.quality.text, /1280 × 720|640 × 360|320 × 180/);
}, { whole: true });
