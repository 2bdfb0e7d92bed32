/** What a person does in the room and with the page around it. */

import { loadLanguage, t } from '../i18n/i18n.js';
import { figuresOf } from '../media/stats.js';
import { on } from './page.js';
import { savePreferences } from './preferences.js';
import { showLanguage, showMirror, showTheme } from './root.js';

/** @typedef {import('./page.js').Page} Page */

/** @param {Page} page */
export function wireActions(page) {
  const { app, session, view, draw, mark } = page;
  on(page, 'aq-toggle', (/** @type {string} */ what) => {
    if (what !== 'hand') return;
    session.setHand(!session.state.hand);
    app.announce(t(session.state.hand ? 'notice.own-hand.up' : 'notice.own-hand.down'));
  });
  on(page, 'aq-panel', (/** @type {'chat'|'people'} */ which) => {
    view.panel = view.panel === which ? null : which;
    if (view.panel === 'chat') {
      view.unread = 0;
      app.toasts.dismiss('mention');
    }
    draw();
  });
  on(page, 'aq-react', (/** @type {string} */ emoji) => session.react(emoji));
  on(page, 'aq-statistics', async (/** @type {string} */ key) => (await import('./statistics.js')).toggleStatistics(page, key));
  on(page, 'aq-picture', async (/** @type {string|null} */ key) => (await import('./picture.js')).openPicture(page, key));
  on(page, 'aq-chat', (/** @type {string} */ text) => session.sendChat(text));
  on(page, 'aq-chat-private', (/** @type {import('../protocol/pendingchat.js').Pending} */ { text, to }) => session.sendChat(text, to));
  on(page, 'aq-file-offer', (/** @type {{file: File, to: string}} */ { file, to }) => session.files.offer(file, to));
  on(page, 'aq-file-accept', (/** @type {string} */ key) => session.files.accept(key));
  on(page, 'aq-file-cancel', (/** @type {string} */ key) => session.files.cancel(key));
  on(page, 'aq-file-forget', (/** @type {string} */ key) => session.files.forget(key));
  on(page, 'aq-announce', (/** @type {string} */ text) => app.announce(text));
  on(page, 'aq-copy-text', (/** @type {string} */ text) => copy(page, text, t('notice.copied')));
  on(page, 'aq-moderate', (/** @type {import('../protocol/moderation.js').Moderate} */ deed) => session.moderate(deed));
  on(page, 'aq-admit', (/** @type {{peer_id: string, admit: boolean}} */ answer) => {
    app.toasts.dismiss(`knock-${answer.peer_id}`);
    session.admit(answer);
  });
  on(page, 'aq-views', (/** @type {import('../protocol/messages.js').ViewEntry[]} */ views) => session.setViews(views));
  on(page, 'aq-retry', () => session.retryNow());
  on(page, 'aq-leave', () => session.leave());
  on(page, 'aq-audio-blocked', (/** @type {boolean} */ blocked) => {
    view.audioBlocked = blocked;
    draw();
  });
  on(page, 'aq-first-frame', () => mark('first-frame'));
  on(page, 'aq-copy-link', () => copyLink(page));
  wireSettings(page);
}

/** @param {Page} page */
function copyLink(page) {
  const link = new URL(location.pathname, location.href);
  link.searchParams.set('room', page.view.room);
  return copy(page, link.href, t('notice.link-copied'));
}

/** @param {Page} page @param {string} text @param {string} done  what is said then */
async function copy({ app }, text, done) {
  try {
    await navigator.clipboard.writeText(text);
    app.toasts.show({ text: done, id: 'copied' });
  } catch {
    // No clipboard in an insecure context: the person can copy from the notice.
    app.toasts.show({ text, id: 'copied', stays: true });
  }
}

/** @param {Page} page */
function wireSettings(page) {
  const { app, session, local, preferences, draw } = page;
  const figures = figuresReader(page);
  on(page, 'aq-settings', () => {
    app.openSettings();
    local.refresh();
    figures.start();
  });
  on(page, 'aq-settings-closed', () => {
    figures.stop();
    draw();
  });
  on(page, 'aq-rename', (/** @type {string} */ name) => {
    preferences.username = name;
    savePreferences(preferences);
    session.rename(name);
    app.join.fill({ ...app.join.who, username: name });
  });
  on(page, 'aq-switch', (/** @type {{name: import('../ui/settings.js').SwitchName, on: boolean}} */ { name, on: turnedOn }) => {
    preferences[name] = turnedOn;
    savePreferences(preferences);
    if (name === 'mirror') showMirror(turnedOn);
    else if (name === 'backgroundBlur') local.setBlur(turnedOn);
    else if (name === 'noiseSuppression' || name === 'echoCancellation' || name === 'autoGainControl') local.setProcessing({ [name]: turnedOn });
    draw();
  });
  on(page, 'aq-theme', (/** @type {import('../ui/settings.js').Theme} */ theme) => {
    preferences.theme = theme;
    savePreferences(preferences);
    showTheme(theme);
    draw();
  });
  on(page, 'aq-language', (/** @type {string} */ code) => changeLanguage(page, code));
}

/** Speaks another language from now on; the call goes on meanwhile. @param {Page} page @param {string} code */
async function changeLanguage({ app, preferences, draw }, code) {
  try {
    showLanguage(await loadLanguage(code, navigator.languages));
  } catch {
    app.toasts.show({ text: t('notice.language-failed'), kind: 'error', id: 'language' });
    return;
  }
  preferences.language = code;
  savePreferences(preferences);
  app.rebuild();
  draw();
}

/** The figures are read while somebody looks at them. @param {Page} page */
function figuresReader({ session, view, draw }) {
  /** @type {ReturnType<typeof setInterval>|undefined} */
  let timer;
  /** @type {import('../media/stats.js').Sample|null} */
  let sample = null;
  const read = async () => {
    const report = await session.stats();
    view.figures = null;
    if (report) ({ figures: view.figures, sample } = figuresOf(report.values(), sample));
    draw();
  };
  return {
    start() {
      clearInterval(timer);
      sample = null;
      read();
      timer = setInterval(read, 1000);
    },
    stop: () => clearInterval(timer),
  };
}
