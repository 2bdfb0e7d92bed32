/** A window above other windows: who has the floor and the most needed buttons, or one video where browsers know no more. */

import { t } from '../i18n/i18n.js';
import { AqPicture } from '../ui/picture.js';

/** @typedef {import('./page.js').Page} Page */
/** @typedef {{requestWindow(size: {width: number, height: number}): Promise<Window>, window: Window|null}} DocumentPictureInPicture */

const SIZE = { width: 360, height: 260 };

/**
 * Opens the window, or closes it.
 *
 * @param {Page} page
 * @param {string|null} key  of a tile whose picture alone is meant; null: of the call
 */
export async function openPicture(page, key) {
  const { app } = page;
  const { documentPictureInPicture: api } = /** @type {{documentPictureInPicture?: DocumentPictureInPicture}} */ (/** @type {unknown} */ (window));
  try {
    if (api?.window) api.window.close();
    else if (document.pictureInPictureElement) await document.exitPictureInPicture();
    else if (api && key === null) openWindow(page, await api.requestWindow(SIZE));
    else await openVideo(page, key ?? app.call.stage?.floor ?? null);
  } catch {
    app.toasts.show({ text: t('picture.failed'), id: 'picture' });
  }
}

/** @param {Page} page @param {Window} other */
function openWindow(page, other) {
  const { view, app, draw } = page;
  const { document: there } = other;
  for (const name of ['lang', 'dir', 'data-theme']) {
    const value = document.documentElement.getAttribute(name);
    if (value) there.documentElement.setAttribute(name, value);
  }
  for (const sheet of document.querySelectorAll('link[rel="stylesheet"]')) there.head.append(sheet.cloneNode());
  const picture = new AqPicture();
  there.title = t('picture.title');
  there.body.append(picture);
  for (const name of ['aq-toggle', 'aq-leave']) picture.addEventListener(name, (event) => app.call.emit(name, /** @type {CustomEvent} */ (event).detail));
  view.onDrawn = ({ inCall, call }) => {
    if (!inCall) {
      other.close();
      return;
    }
    const key = app.call.stage?.floor ?? null;
    follow(page, key);
    picture.model = { tile: call.call.tiles.find((tile) => tile.key === key) ?? null, on: call.call.on, may: call.call.may };
  };
  other.addEventListener('pagehide', () => {
    view.onDrawn = null;
    follow(page, null);
  });
  draw();
}

/** @param {Page} page @param {string|null} key */
async function openVideo(page, key) {
  const video = key === null ? null : page.app.call.stage?.tile(key)?.video;
  if (!video) throw new Error('there is no picture');
  await video.requestPictureInPicture();
  follow(page, key);
  video.addEventListener('leavepictureinpicture', () => follow(page, null), { once: true });
}

/** Whose picture it is: that is sent even while the page itself is out of sight. @param {Page} page @param {string|null} key */
function follow({ view, session, app, draw }, key) {
  const track = app.call.model?.call.tiles.find((tile) => tile.key === key)?.trackId ?? '';
  session.keepInBackground(track);
  if (view.picture === key) return;
  view.picture = key;
  draw();
}
