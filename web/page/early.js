/**
 * The way in, before the rest of the page is there: most who open a link want to
 * see that it is the right room and click. It needs a third of the modules; the
 * others come meanwhile, take over what is on the screen, and do then what was
 * asked for until they came.
 */

import { closedState } from '../media/localmedia.js';
import { support } from '../media/support.js';
import { hasVisit } from '../protocol/resumestore.js';
import { h } from '../ui/element.js';
import { AqJoin } from '../ui/join.js';
import { visitPreferences } from './parameters.js';
import { forThisVisit, loadPreferences, sessionStorageIfAllowed } from './preferences.js';

/** What can be asked for on the way in. */
const EVENTS = ['aq-join', 'aq-want', 'aq-preview', 'aq-settings', 'aq-choose-device', 'aq-device-retry', 'aq-language', 'aq-copy-link', 'aq-another-room'];

/** @type {(() => void)|null} */
let replay = null;

/**
 * Shows the way into the room that the address names. Nothing where there is none,
 * where the call goes on from before a reload, and where the page is to join by itself.
 *
 * @param {HTMLElement} app  `<aq-app>`, which is no AqApp yet
 * @param {import('./parameters.js').Parameters} parameters
 */
export function openEarly(app, parameters) {
  const room = parameters.room?.trim() ?? '';
  if (room === '' || parameters.autojoin || hasVisit(sessionStorageIfAllowed())) return;
  const preferences = loadPreferences();
  forThisVisit(preferences, visitPreferences(parameters));
  const { microphone, camera, speaker, backgroundBlur: blur } = preferences;
  const chosen = { microphone, camera, speaker };
  const preview = { local: closedState({ chosen, processing: preferences, blur }), camera: null, microphone: null, wanted: { microphone: preferences.wantMicrophone, camera: preferences.wantCamera }, chosen, support: support() };
  const model = { joining: false, lobby: false, ending: null, preview };

  const join = new AqJoin();
  join.model = model;
  join.fill({ room, username: parameters.username ?? preferences.username });
  app.querySelector('#loading')?.setAttribute('hidden', '');
  app.prepend(h('main', { class: 'join-main' }, join));
  join.focusFirst();
  replay = remember(app, (event) => {
    if (event.type === 'aq-join') join.model = { ...model, joining: true };
  });
}

/**
 * The rest of the page is ready to act on what elements ask for.
 *
 * @returns {(() => void)|null}  has it act on what was asked for so far; null: nothing was opened early
 */
export function takeOver() {
  const taken = replay;
  replay = null;
  return taken;
}

/**
 * Keeps what elements ask for until somebody listens.
 *
 * @param {HTMLElement} app
 * @param {(event: CustomEvent) => void} note
 */
function remember(app, note) {
  /** @type {CustomEvent[]} */
  const asked = [];
  const controller = new AbortController();
  for (const name of EVENTS) {
    app.addEventListener(
      name,
      (event) => {
        asked.push(/** @type {CustomEvent} */ (event));
        note(/** @type {CustomEvent} */ (event));
      },
      { signal: controller.signal },
    );
  }
  return () => {
    controller.abort();
    for (const { type, detail } of asked) app.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  };
}
