/** How somebody wants to see the call: layout, pins, self view, full screen, saving of data. */

import { t } from '../i18n/i18n.js';
import { on } from './page.js';
import { savePreferences } from './preferences.js';

/** @typedef {import('./page.js').Page} Page */
/** @typedef {import('../ui/arrangement.js').LayoutChoice} LayoutChoice */

/** @param {Page} page */
export function wireArranging(page) {
  const { app, preferences, view, draw } = page;
  /** @param {Partial<import('./preferences.js').Preferences>} change */
  const prefer = (change) => {
    Object.assign(preferences, change);
    savePreferences(preferences);
    draw();
  };
  on(page, 'aq-layout', (/** @type {LayoutChoice} */ layout) => {
    prefer({ layout });
    app.announce(t(`layout.${layout}`));
  });
  on(page, 'aq-self-view', (/** @type {import('../ui/layout.js').SelfView} */ selfView) => {
    if (selfView === 'hidden') app.toasts.show({ text: t('self.now-hidden'), id: 'self' });
    prefer({ selfView });
  });
  on(page, 'aq-corner', (/** @type {import('../ui/layout.js').Corner} */ corner) => prefer({ corner }));
  on(page, 'aq-save-data', (/** @type {boolean} */ saveData) => prefer({ saveData }));
  on(page, 'aq-shortcuts', (/** @type {boolean} */ shortcuts) => prefer({ shortcuts }));
  on(page, 'aq-pin', (/** @type {string} */ key) => {
    const pinned = !view.pins.includes(key);
    view.pins = pinned ? [...view.pins, key] : view.pins.filter((other) => other !== key);
    app.announce(t(pinned ? 'tile.pinned' : 'tile.unpinned'));
    draw();
  });
  on(page, 'aq-floor', draw);
  wireFullScreen(page);
}

/** @param {Page} page */
function wireFullScreen(page) {
  const { view, draw } = page;
  on(page, 'aq-full-screen', () => (document.fullscreenElement ? leaveFullScreen() : enterFullScreen()));
  on(page, 'aq-maximize', (/** @type {string|null} */ key) => maximize(page, view.maximized === key ? null : key));
  document.addEventListener('fullscreenchange', () => {
    // Escape ends both.
    if (!document.fullscreenElement) view.maximized = null;
    draw();
  });
}

/**
 * Shows one tile alone, on the whole screen where the browser gives it.
 *
 * @param {Page} page
 * @param {string|null} key  null: all again
 */
export function maximize({ view, draw }, key) {
  const before = view.maximized;
  view.maximized = key;
  draw();
  if (key !== null && before === null) enterFullScreen();
  else if (key === null && before !== null) leaveFullScreen();
}

function enterFullScreen() {
  // Refused, or not there as on an iPhone: the tile has the window at least.
  document.documentElement.requestFullscreen?.({ navigationUI: 'hide' }).catch(() => undefined);
}

function leaveFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined);
}

/** The next layout of the list. @param {LayoutChoice} layout @returns {LayoutChoice} */
export function nextLayout(layout) {
  return layout === 'auto' ? 'grid' : layout === 'grid' ? 'speaker' : 'auto';
}
