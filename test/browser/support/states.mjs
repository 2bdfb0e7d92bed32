// Every state the page can be in, one after the other: for the checks of accessibility, which
// look at each, and for the screenshots, which are taken of each.

import { callStates } from './callstates.mjs';
import { formStates } from './formstates.mjs';

/**
 * A size and colours to look at the page in.
 *
 * @typedef {{name: string, size: {width: number, height: number}, colours: 'light' | 'dark'}} View
 */

/** A laptop and a phone, and what lies between them. */
const sizes = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];
const further = [
  { width: 820, height: 1180 },
  { width: 844, height: 390 },
];

/** @param {{width: number, height: number}[]} of @returns {View[]} */
const lightAndDark = (of) =>
  of.flatMap((size) => [
    { name: `${size.width}x${size.height}`, size, colours: /** @type {const} */ ('light') },
    { name: `${size.width}x${size.height}-dark`, size, colours: /** @type {const} */ ('dark') },
  ]);

export const views = lightAndDark(sizes);
/** Every size that the page is designed for. */
export const allViews = lightAndDark([...sizes, ...further]);

// Nothing moves, so that nothing is looked at half-way through a change.
const context = /** @type {const} */ ({ reducedMotion: 'reduce' });

/**
 * @typedef {(state: string, view: View, page: import('playwright-core').Page) => Promise<void>} Look
 */

/**
 * Brings pages through all their states and shows each state in every view to `look`.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {Look} look
 * @param {View[]} [wanted]
 * @param {boolean} [all]  or only those of a usual visit, from the way in to the end
 */
export async function everyState(stage, look, wanted = views, all = true) {
  /** @type {Show} */
  const show = async (state, { page, reveal }) => {
    for (const view of wanted) {
      await page.setViewportSize(view.size);
      await page.emulateMedia({ colorScheme: view.colours });
      if (reveal) {
        await settled(page);
        if (!(await reveal())) continue;
      }
      await settled(page);
      await look(state, view, page);
    }
    await page.setViewportSize(sizes[0]);
  };
  if (all) await formStates(stage, show);
  await beforeTheCall(stage, show);
  await inTheCall(stage, show, all);
  if (all) await callStates(stage, show);
}

/**
 * What is to be shown: what somebody sees; `reveal` opens in each view what a change of the size closes,
 * and returns whether there is such a thing in that view.
 *
 * @typedef {(state: string, person: {page: import('playwright-core').Page, reveal?: () => Promise<boolean>}) => Promise<void>} Show
 */

/** The layout follows a new size one frame later, and is painted in the next. @param {import('playwright-core').Page} page */
function settled(page) {
  return page.evaluate(async () => {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
  });
}

/** @param {import('./stage.mjs').Stage} stage @param {Show} show */
async function beforeTheCall(stage, show) {
  const server = await stage.server({ ROOM_MAX_PEERS: '1' });

  const denied = await stage.person('Denied', { ask: true, context });
  await denied.context.grantPermissions(['notifications']);
  await denied.open(server, { room: 'demo' });
  await show('join', denied);
  await denied.element('preview-start').click();
  await denied.element('device-problem').waitFor();
  await show('permission-denied', denied);
  await denied.element('name-input').fill('Denied');
  await denied.clickJoin(true);
  await denied.reaches('connected');
  await show('call-alone-without-devices', denied);

  const refused = await stage.person('Refused', { hue: 200, context });
  await refused.open(server, { room: 'demo' });
  await refused.element('name-input').fill('Refused');
  await refused.sawPreview();
  await show('join-with-preview', refused);
  await refused.clickJoin();
  await refused.element('error-box').waitFor();
  await show('room-full', refused);

  const insecure = await stage.person('Insecure', { resolve: 'aq.test', context });
  await insecure.open(server, { room: 'demo', host: 'aq.test' });
  await insecure.element('device-problem').waitFor();
  await show('insecure-address', insecure);

  const old = await stage.person('Old', { context });
  await old.page.addInitScript(() => {
    // @ts-ignore: what an old browser, or an administrator, does
    delete window.RTCPeerConnection;
  });
  await old.open(server, { room: 'demo' });
  await old.element('device-problem').waitFor();
  await show('no-webrtc', old);
  await stage.dismiss(denied, refused, insecure, old);
}

/** @param {import('./stage.mjs').Stage} stage @param {Show} show @param {boolean} all  also when something does not go well */
async function inTheCall(stage, show, all) {
  const server = await stage.server();
  const bob = await stage.person('Bob', { hue: 20 });
  const carol = await stage.person('Carol', { hue: 120 });
  const alice = await stage.person('Alice', { hue: 280, context });
  await Promise.all([bob.join(server, 'demo'), carol.join(server, 'demo'), alice.join(server, 'demo')]);
  await alice.reaches('connected');
  await Promise.all([alice.seesPictureOf('Bob'), alice.seesPictureOf('Carol')]);
  await bob.say('Hello Alice, here is the link: https://example.org/plan');
  await alice.reads('Hello Alice, here is the link: https://example.org/plan');
  await show('call-of-three', alice);
  await carol.element('mic-button').click();
  await carol.element('hand-button').click();
  await alice.page.locator('[data-testid="tile"][data-name="Carol"] [data-testid="tile-hand"]').waitFor();
  await alice.say('Thank you, Bob');
  await alice.reads('Thank you, Bob');
  await show('chat', alice);
  await alice.closePanel();
  await alice.openPanel('people');
  await show('people', alice);
  await alice.closePanel();
  await alice.element('settings-button').click();
  await alice.element('settings').waitFor();
  await show('settings', alice);
  await alice.element('settings-close').click();
  if (all) await trouble(stage, show, { server, alice, carol });
  await server.end('SIGKILL');
  await alice.reaches('reconnecting');
  await show('reconnecting', alice);
  await alice.leave();
  await alice.element('join-form').waitFor();
  await show('left', alice);
  await stage.dismiss(alice, bob, carol);
}

/**
 * What the page says when something does not go well.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {Show} show
 * @param {{server: import('./server.mjs').Server, alice: import('./person.mjs').Person, carol: import('./person.mjs').Person}} who
 */
async function trouble(stage, show, { server, alice, carol }) {
  const track = await alice.page.evaluate(() => {
    const { tracks, peers } = /** @type {any} */ (document.querySelector('aq-app')).session.state.room;
    return tracks.tracks.find((/** @type {any} */ t) => t.source === 'camera' && peers.get(t.peer_id)?.username === 'Carol')?.track_id;
  });
  const weak = () => alice.isTold('quality', { score: 2, bandwidth_bps: 90_000, rtt_ms: 240, loss: 0.1, paused: [{ track_id: track, reason: 'bandwidth' }] });
  // Again and again, for the server says otherwise.
  const saying = setInterval(() => weak().catch(() => {}), 500);
  try {
    await alice.page.locator('[data-testid="connection-state"][data-weak]').waitFor();
    await show('weak-network', alice);
  } finally {
    clearInterval(saying);
  }
  await alice.isTold('quality', { score: 5, bandwidth_bps: 2_000_000, rtt_ms: 20, loss: 0, paused: [] });

  const goOn = await carol.standStill();
  stage.after(goOn);
  await alice.page.locator('[data-testid="tile"][data-name="Carol"][data-stalled]').waitFor();
  await show('somebody-stands-still', alice);
  goOn();
  await alice.page.locator('[data-testid="tile"][data-name="Carol"]:not([data-stalled])').waitFor();

  server.signal('SIGSTOP');
  stage.after(() => server.signal('SIGCONT'));
  await alice.page.getByText('The server does not answer').waitFor();
  await show('server-does-not-answer', alice);
  server.signal('SIGCONT');
  await alice.page.getByText('You are back').first().waitFor();
  await show('back-again', alice);
}
