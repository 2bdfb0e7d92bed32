// Every state the page can be in, one after the other: for the checks of accessibility, which
// look at each, and for the screenshots, which are taken of each.

/**
 * @typedef {object} View
 * @property {string} name of the size and colours, for reports and file names
 * @property {import('playwright-core').BrowserContextOptions} context
 */

/** @type {View[]} */
export const views = [
  { name: '1280x800', context: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' } },
  { name: '1280x800-dark', context: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' } },
  { name: '390x844', context: { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true, isMobile: true } },
  { name: '390x844-dark', context: { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true, isMobile: true } },
];

/**
 * Brings a page through its states and shows each to `look`.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {View} view
 * @param {(state: string, person: import('./person.mjs').Person) => Promise<void>} look
 */
export async function everyState(stage, view, look) {
  await beforeTheCall(stage, view, look);
  await inTheCall(stage, view, look);
}

/** @type {typeof everyState} */
async function beforeTheCall(stage, { context }, look) {
  const server = await stage.server({ ROOM_MAX_PEERS: '1' });

  const denied = await stage.person('Denied', { ask: true, context });
  await denied.context.grantPermissions(['notifications']);
  await denied.open(server, { room: 'demo' });
  await look('join', denied);
  await denied.element('preview-start').click();
  await denied.element('device-problem').waitFor();
  await look('permission-denied', denied);
  await denied.element('name-input').fill('Denied');
  await denied.clickJoin(true);
  await denied.reaches('connected');
  await look('call-alone-without-devices', denied);

  const refused = await stage.person('Refused', { hue: 200, context });
  await refused.open(server, { room: 'demo' });
  await refused.element('name-input').fill('Refused');
  await refused.sawPreview();
  await look('join-with-preview', refused);
  await refused.clickJoin();
  await refused.element('error-box').waitFor();
  await look('room-full', refused);

  const insecure = await stage.person('Insecure', { resolve: 'aq.test', context });
  await insecure.open(server, { room: 'demo', host: 'aq.test' });
  await insecure.element('device-problem').waitFor();
  await look('insecure-address', insecure);

  const old = await stage.person('Old', { context });
  await old.page.addInitScript(() => {
    // @ts-ignore: what an old browser, or an administrator, does
    delete window.RTCPeerConnection;
  });
  await old.open(server, { room: 'demo' });
  await old.element('device-problem').waitFor();
  await look('no-webrtc', old);
}

/** @type {typeof everyState} */
async function inTheCall(stage, { context }, look) {
  const server = await stage.server();
  const bob = await stage.person('Bob', { hue: 20 });
  const carol = await stage.person('Carol', { hue: 120 });
  const alice = await stage.person('Alice', { hue: 280, context });
  await Promise.all([bob.join(server, 'demo'), carol.join(server, 'demo'), alice.join(server, 'demo')]);
  await alice.reaches('connected');
  await Promise.all([alice.seesPictureOf('Bob'), alice.seesPictureOf('Carol')]);
  await bob.say('Hello Alice, here is the link: https://example.org/plan');
  await alice.reads('Hello Alice, here is the link: https://example.org/plan');
  await look('call-of-three', alice);
  await carol.element('mic-button').click();
  await carol.element('hand-button').click();
  await alice.page.locator('[data-testid="tile"][data-name="Carol"] [data-testid="tile-hand"]').waitFor();
  await alice.say('Thank you, Bob');
  await alice.reads('Thank you, Bob');
  await look('chat', alice);
  await alice.closePanel();
  await alice.openPanel('people');
  await look('people', alice);
  await alice.closePanel();
  await alice.element('settings-button').click();
  await alice.element('settings').waitFor();
  await look('settings', alice);
  await alice.element('settings-close').click();
  await server.end('SIGKILL');
  await alice.reaches('reconnecting');
  await look('reconnecting', alice);
  await alice.leave();
  await alice.element('join-form').waitFor();
  await look('left', alice);
}
