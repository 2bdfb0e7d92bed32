/** Which room it is about: the one in the address, one that is chosen on the landing page, or none yet. */

import { t } from '../i18n/i18n.js';
import { loadStyle } from '../ui/parts.js';
import { on } from './page.js';
import { savePreferences } from './preferences.js';
import { forgetRoom, recentRooms } from './recentrooms.js';

/** @typedef {import('./page.js').Page} Page */
/** @typedef {import('./joining.js').Who} Who */

/** @type {Promise<typeof import('../ui/landing.js').AqLanding>|null} */
let loading = null;

/** Who follows a link to a room does without the landing page. @returns {Promise<typeof import('../ui/landing.js').AqLanding>} */
export function loadLanding() {
  loading ??= Promise.all([import('../ui/landing.js'), loadStyle('landing.css')]).then(([module]) => module.AqLanding);
  return loading;
}

/**
 * @param {Page} page
 * @param {(who: Who) => void} check  asks the server about it
 */
export function wireRooms(page, check) {
  const { view, draw, preferences } = page;
  on(page, 'aq-room', (/** @type {{room: string, link: string}} */ { room, link }) => {
    // An invitation stands behind the #, and is taken out of it as the page loads.
    if (link.includes('#') && /^https?:/.test(link)) location.assign(link);
    else choose(page, room, check);
  });
  on(page, 'aq-new-room', async () => {
    const { newRoomName } = await import('./roomnames.js');
    choose(page, newRoomName(), check);
  });
  on(page, 'aq-another-room', () => {
    pushRoom(null);
    showLanding(page);
  });
  on(page, 'aq-forget-room', (/** @type {string|null} */ room) => {
    forgetRoom(room);
    if (room === null || room === preferences.room) preferences.room = '';
    savePreferences(preferences);
    view.recent = recentRooms();
    draw();
    page.app.announce(t('landing.forgotten'));
  });
  addEventListener('popstate', () => followAddress(page, check));
}

/** Shows the page without a room. @param {Page} page */
export async function showLanding(page) {
  const { app, local, session, view } = page;
  const Landing = await loadLanding();
  local.stop();
  Object.assign(view, { room: '', recent: recentRooms(), read: session.state.ending });
  app.landing ??= new Landing();
  page.drawNow();
  app.landing.focusFirst();
}

/** Goes on with a room, to what comes before the call. @param {Page} page @param {string} room @param {(who: Who) => void} check */
function choose(page, room, check) {
  pushRoom(room);
  showRoom(page, room, check);
}

/** @param {Page} page @param {string} room @param {(who: Who) => void} check */
function showRoom(page, room, check) {
  const { app, preferences, session, view } = page;
  Object.assign(view, { room, read: session.state.ending });
  app.join.judge(null);
  app.join.fill({ room, username: app.join.who.username || preferences.username });
  page.drawNow();
  app.join.focusFirst();
  check(app.join.who);
  page.openPreview();
}

/** The browser's own way back. @param {Page} page @param {(who: Who) => void} check */
function followAddress(page, check) {
  const { phase } = page.session.state;
  // In a call it was more likely the wrong button than a wish to leave.
  if (phase !== 'idle' && phase !== 'ended') {
    history.forward();
    return;
  }
  const room = new URLSearchParams(location.search).get('room');
  if (room === page.view.room) return;
  if (room) showRoom(page, room, check);
  else showLanding(page);
}

/** @param {string|null} room  null: none */
function pushRoom(room) {
  const url = new URL(location.href);
  if (room === null) url.searchParams.delete('room');
  else url.searchParams.set('room', room);
  history.pushState(null, '', url);
}
