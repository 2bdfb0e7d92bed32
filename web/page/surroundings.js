/** The world around the page: shown or hidden, online or not, leaving and coming back, and time that passes. */

import { watchDoubts } from './doubts.js';
import { Standing } from './standing.js';

/** @typedef {import('./page.js').Page} Page */

/** After so long in the background nobody watches, and video is stopped. */
const BACKGROUND_MS = 10000;
/** After so long a page that was about to go is still here: it was a download, or the person thought better of it. */
const STAYED_MS = 2000;

/** @param {Page} page */
export function watchSurroundings(page) {
  const { connection } = /** @type {{connection?: EventTarget & {type?: string}}} */ (navigator);
  watchDoubts(() => page.session.retryNow(), { window, document, connection, now: Date.now, setInterval });
  for (const type of ['online', 'offline']) addEventListener(type, page.draw);
  watchVisibility(page);
  watchLeaving(page);
  const standing = new Standing();
  setInterval(() => tick(page, standing), 1000);
}

/** @param {Page} page */
function watchVisibility({ session, view, draw }) {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => session.setBackground(true), BACKGROUND_MS);
      return;
    }
    session.setBackground(false);
    if (view.panel === 'chat') view.unread = 0;
    draw();
  });
}

/** @param {Page} page */
function watchLeaving({ session, comeback }) {
  // A page that is closed and one that is loaded again look the same as they go.
  const goAway = () => {
    comeback.remember();
    session.away();
  };
  addEventListener('pagehide', goAway);
  addEventListener('pageshow', (event) => {
    if (event.persisted) session.back();
  });
  // Firefox says goodbye (1001) on the page's behalf before its pagehide.
  addEventListener('beforeunload', () => {
    goAway();
    setTimeout(() => session.back(), STAYED_MS);
  });
}

/** @param {Page} page @param {Standing} standing */
function tick({ session, weakness, comeback, draw }, standing) {
  const { phase, media, room, uplink } = session.state;
  const now = Date.now();
  if (phase !== 'joined' && phase !== 'reconnecting') return;
  const before = weakness.weak;
  if (phase === 'joined' && media === 'connected') {
    const scores = { down: room.quality?.score ?? null, up: uplink };
    weakness.sample(scores, now);
    if (standing.sample(scores)) session.setQuality(standing.score);
  } else weakness.reset(now);
  // While one is away the words change with time alone.
  if (weakness.weak !== before || phase === 'reconnecting') draw();
  comeback.rememberSometimes();
}
