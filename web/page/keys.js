/** The keyboard in a call: what each key of ui/shortcuts.js does, and talking while the space bar is held. */

import { leftOut } from '../ui/element.js';
import { shortcutOf } from '../ui/shortcuts.js';
import { maximize, nextLayout } from './arranging.js';

/** @typedef {import('./page.js').Page} Page */
/** @typedef {import('../ui/shortcuts.js').ShortcutId} ShortcutId */

/** Where keys write, choose or press something themselves. */
const TAKES_KEYS = 'input, textarea, select, [contenteditable], [role="menu"], dialog';
const TAKES_SPACE = `${TAKES_KEYS}, button, a, summary, [role="button"]`;

/** @param {Page} page */
export function watchKeys(page) {
  document.addEventListener('keydown', (event) => pressed(page, event));
  document.addEventListener('keyup', (event) => {
    if (event.key === ' ') stopTalking(page);
  });
  // The key may be let go where nobody tells us.
  addEventListener('blur', () => stopTalking(page));
}

/** @param {Page} page @param {KeyboardEvent} event */
function pressed(page, event) {
  const { app, session, view } = page;
  const { phase } = session.state;
  if (event.defaultPrevented || (phase !== 'joined' && phase !== 'reconnecting')) return;
  const target = event.target instanceof Element ? event.target : null;
  if (event.key === 'Escape' && view.maximized !== null && !target?.closest(TAKES_KEYS)) {
    maximize(page, null);
    return;
  }
  const shortcut = shortcutOf(event, page.preferences.shortcuts);
  // The sheet that shows the keys may be closed with the one that opened it.
  if (!shortcut || (target?.closest(shortcut.id === 'talk' ? TAKES_SPACE : TAKES_KEYS) && !(shortcut.id === 'keys' && target.closest('aq-key-sheet')))) return;
  if (event.repeat && shortcut.id !== 'talk') return;
  if (act(page, shortcut.id)) event.preventDefault();
  else if (shortcut.id === 'previous' || shortcut.id === 'next') app.call.stage?.turn(shortcut.id === 'next' ? 1 : -1);
}

/** @param {Page} page @param {ShortcutId} id @returns {boolean} whether the key has done all that it is for */
function act(page, id) {
  const { app, preferences, session } = page;
  const { call } = app;
  const { publish, chat } = session.state.room.permissions;
  if (leftOut(id === 'talk' ? 'microphone' : id)) return false;
  switch (id) {
    case 'microphone':
    case 'camera':
    case 'screen':
      if (page.support.webrtc && publish.includes(id)) call.emit('aq-toggle', id);
      return true;
    case 'hand':
      call.emit('aq-toggle', id);
      return true;
    case 'talk':
      talk(page);
      return true;
    case 'chat':
    case 'people':
      call.emit('aq-panel', id);
      return true;
    case 'reactions':
      if (chat) call.openMenu('reactions');
      return true;
    case 'layout':
      call.emit('aq-layout', nextLayout(preferences.layout));
      return true;
    case 'full-screen':
      call.emit('aq-full-screen');
      return true;
    case 'statistics':
      call.emit('aq-statistics', '*');
      return true;
    case 'keys':
      call.toggleKeys();
      return true;
    default:
      return false;
  }
}

/** Turns the microphone on for as long as the key is held. @param {Page} page */
function talk({ session, local, support, view, draw }) {
  const { permissions, own } = session.state.room;
  if (view.talking || local.state.on.microphone || !support.webrtc || !permissions.publish.includes('microphone') || own?.muted.includes('microphone')) return;
  view.talking = true;
  local.setMicrophone(true);
  draw();
}

/** @param {Page} page */
function stopTalking({ local, view, draw }) {
  if (!view.talking) return;
  view.talking = false;
  local.setMicrophone(false);
  draw();
}
