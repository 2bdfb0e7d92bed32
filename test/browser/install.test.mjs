// The page can be installed like a program.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';

scenario('Chromium finds nothing that keeps the page from being installed', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice');
  await alice.open(server, { room: 'demo' });
  const devtools = await alice.context.newCDPSession(alice.page);
  const { url, errors, data } = await devtools.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  assert.equal(url, server.page('manifest.webmanifest'));
  const manifest = JSON.parse(data ?? '{}');
  assert.deepEqual([manifest.display, manifest.start_url], ['standalone', './']);
  const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
  // A private profile, as each test has, can install nothing.
  assert.deepEqual(installabilityErrors.filter((e) => e.errorId !== 'in-incognito'), []);
  const workers = await alice.page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length);
  assert.equal(workers, 0, 'nothing that could serve stale code');
});
