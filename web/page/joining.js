/** The way in: what the server would say to what is typed, and the join itself. */

import { errorText } from '../ui/words.js';
import { openWanted } from './devicesflow.js';
import { on } from './page.js';
import { savePreferences } from './preferences.js';

/** @typedef {import('./page.js').Page} Page */
/** @typedef {{room: string, username: string}} Who */

/** Whoever is typing is not asked about each letter. */
const TYPING_MS = 250;
/** People come and go while somebody looks at himself. */
const LOOK_AGAIN_MS = 10_000;

/** @param {Page} page @returns {(who: Who) => void} checks what is in the form */
export function wireJoining(page) {
  const { session, local, support, preferences, view } = page;
  const check = checker(page);
  on(page, 'aq-who', check);
  on(page, 'aq-join', (/** @type {Who & {withDevices: boolean}} */ { room, username, withDevices }) => {
    Object.assign(preferences, { room, username });
    savePreferences(preferences);
    // The socket first: devices, and the person at their prompt, may take their time.
    session.join({ room, username });
    Object.assign(view, { room, unread: 0, panel: null });
    if (!withDevices) local.stop();
    else if (support.webrtc) openWanted(page);
  });
  setInterval(() => {
    const { phase } = session.state;
    if (view.room !== '' && !document.hidden && (phase === 'idle' || phase === 'ended')) check(page.app.join.who);
  }, LOOK_AGAIN_MS);
  return check;
}

/** @param {Page} page @returns {(who: Who) => void} */
function checker(page) {
  /** @type {AbortController|null} */
  let checking = null;
  return async (who) => {
    checking?.abort();
    const controller = new AbortController();
    checking = controller;
    await new Promise((resolve) => setTimeout(resolve, TYPING_MS));
    if (controller.signal.aborted || page.session.state.phase === 'joined') return;
    const answer = await page.validate(who, controller.signal, false).catch(() => null);
    if (!answer || controller.signal.aborted) return;
    if (answer.ok) {
      page.app.judge({ people: answer.peers, names: answer.names });
      return;
    }
    const field = answer.code === 'bad_username' ? 'name' : answer.code === 'bad_room' ? 'room' : 'form';
    page.app.judge({ field, text: errorText(answer.code, answer.message) });
  };
}
