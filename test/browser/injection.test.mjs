// Text of strangers stays text: in names, room and chat nothing of it runs, and the page's
// Content-Security-Policy never has to step in (a violation would be counted as well).

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

// Each would raise __aq.attacked if anything took it for markup, script or an address to go to.
const payloads = [
  '<script>__aq.attacked++</script>',
  '<img src=x onerror=__aq.attacked++>',
  '<svg onload=__aq.attacked++>',
  '<svg><script>__aq.attacked++</script></svg>',
  '<body onload=__aq.attacked++>',
  '<iframe srcdoc="<script>parent.__aq.attacked++</script>"></iframe>',
  '<iframe src="javascript:parent.__aq.attacked++"></iframe>',
  '<a href="javascript:__aq.attacked++">click</a>',
  'javascript:__aq.attacked++',
  'JaVaScRiPt:__aq.attacked++//https://example.org',
  'data:text/html,<script>__aq.attacked++</script>',
  'https://example.org/"onmouseover="__aq.attacked++',
  'https://example.org/<img src=x onerror=__aq.attacked++>',
  'http://a"style="background:url(javascript:__aq.attacked++)',
  '"><script>__aq.attacked++</script>',
  "'><img src=x onerror=__aq.attacked++>",
  '</p></li></ol><script>__aq.attacked++</script>',
  '</title><script>__aq.attacked++</script>',
  '</textarea><img src=x onerror=__aq.attacked++>',
  '<details open ontoggle=__aq.attacked++>',
  '<video><source onerror=__aq.attacked++></video>',
  '<input autofocus onfocus=__aq.attacked++>',
  '<math><mi xlink:href="javascript:__aq.attacked++">x</mi></math>',
  '<link rel=stylesheet href="javascript:__aq.attacked++">',
  '<meta http-equiv=refresh content="0;url=javascript:__aq.attacked++">',
  '<object data="javascript:__aq.attacked++"></object>',
  '<style>@import "javascript:__aq.attacked++";</style>',
  '{{constructor.constructor("__aq.attacked++")()}}',
  '${__aq.attacked++}',
  '&lt;script&gt;__aq.attacked++&lt;/script&gt;',
  '%3Cscript%3E__aq.attacked++%3C/script%3E',
  '\\u003cscript\\u003e__aq.attacked++\\u003c/script\\u003e',
];

scenario('30 hostile texts in the chat are shown as they are and run nothing', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice');
  const bob = await stage.person('Bob');
  await Promise.all([alice.join(server, 'demo', { watch: true }), bob.join(server, 'demo', { watch: true })]);
  await Promise.all([alice.reaches('connected'), bob.openPanel('chat')]);
  for (const payload of payloads) await alice.say(payload);
  await until('Bob has all of them', async () => (await bob.messages()).length === payloads.length);
  assert.deepEqual((await bob.messages()).map((m) => m.text), payloads);

  const late = await stage.person('Late'); // the history takes another way through the page
  await late.join(server, 'demo', { watch: true });
  await until('the late joiner has all of them', async () => (await late.messages()).length === payloads.length);
  for (const person of [bob, late]) {
    const links = await person.page.locator('[data-testid="chat-message"] a').evaluateAll((all) => all.map((a) => a.getAttribute('href') ?? ''));
    for (const link of links) assert.match(link, /^https?:\/\//);
  }
});

scenario('a hostile name and a hostile room are shown as they are and run nothing', async (stage) => {
  const server = await stage.server();
  const names = payloads.filter((p) => p.length <= 64).slice(0, 8);
  const room = '"><img src=x onerror=__aq.attacked++>';
  const watcher = await stage.person('Watcher');
  await watcher.join(server, room, { watch: true });
  assert.equal(await watcher.element('room-name').innerText(), room);
  await watcher.openPanel('people');
  for (const name of names) {
    const attacker = await watcher.context.newPage();
    await attacker.goto(server.page(`?${new URLSearchParams({ room, username: name })}`));
    await attacker.locator('[data-testid="join-without-button"]').click();
    await attacker.locator('[data-testid="room-name"]').waitFor();
    await watcher.hasOthers([name]);
    const listed = await watcher.page.locator('[data-testid="person"] .person-name').allInnerTexts();
    assert.ok(listed.includes(name), `${name} is not in ${listed}`);
    assert.equal(await attacker.evaluate(() => window.__aq.attacked + window.__aq.violations.length), 0);
    await attacker.close();
    await watcher.hasOthers([], 5_000);
  }
});

scenario('the page never asks a third party and allows no inline script', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  /** @type {string[]} */
  const elsewhere = [];
  alice.page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (/^(https?|wss?):$/.test(protocol) && host !== `localhost:${server.port}`) elsewhere.push(request.url());
  });
  await alice.join(server, 'demo');
  await alice.reaches('connected');
  await alice.openPanel('chat');
  assert.deepEqual(elsewhere, []);

  const policy = (await fetch(server.page())).headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src '(none|self)'/);
  assert.doesNotMatch(policy, /unsafe-(inline|eval)/);
});
