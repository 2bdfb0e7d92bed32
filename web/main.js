/** Puts the page together: session, devices and elements, and what wires them to each other. */

import { LocalMedia } from './media/localmedia.js';
import { support as supportOf } from './media/support.js';
import { wireActions } from './page/actions.js';
import { appModel } from './page/appmodel.js';
import { Comeback } from './page/comeback.js';
import { Asking, tellWhatIsOff, watchPermissions, wireDevices } from './page/devicesflow.js';
import { obey } from './page/discipline.js';
import { Drawing } from './page/drawing.js';
import { takeOver } from './page/early.js';
import { invite } from './page/invite.js';
import { wireJoining } from './page/joining.js';
import { Notices } from './page/notices.js';
import { emptyView } from './page/page.js';
import { parseParameters, visitPreferences } from './page/parameters.js';
import { forThisVisit, loadPreferences, sessionStorageIfAllowed } from './page/preferences.js';
import { noteRoom } from './page/recentrooms.js';
import { showMirror } from './page/root.js';
import { loadLanding, showLanding, wireRooms } from './page/rooms.js';
import { watchSurroundings } from './page/surroundings.js';
import { WakeLock } from './page/wakelock.js';
import { Weakness } from './page/weakness.js';
import { ResumeStore } from './protocol/resumestore.js';
import { validate } from './protocol/validate.js';
import { Session } from './session.js';
import './ui/app.js';

const app = /** @type {import('./ui/app.js').AqApp} */ (document.querySelector('aq-app'));
const support = supportOf();
const query = new URLSearchParams(location.search);
const parameters = parseParameters(query);
const preferences = loadPreferences();
forThisVisit(preferences, visitPreferences(parameters));
const view = emptyView();
view.room = parameters.room?.trim() ?? '';
if (view.room === '') loadLanding();
showMirror(preferences.mirror);
const wakeLock = new WakeLock();
const drawing = new Drawing(drawNow);
const draw = () => drawing.soon();
const asking = new Asking((shown) => {
  view.asking = shown;
  draw();
});
/** Tells the site that shows this page in a frame, if there is one. */
let tellSite = () => {};

const local = new LocalMedia({
  chosen: { microphone: preferences.microphone, camera: preferences.camera },
  processing: { echoCancellation: preferences.echoCancellation, noiseSuppression: preferences.noiseSuppression, autoGainControl: preferences.autoGainControl },
  blur: preferences.backgroundBlur,
  secure: support.secure,
  onChange: () => {
    session.setDevices(local.state.on);
    asking.note(local.state.asking);
    draw();
  },
  onTrack: (source, track) => session.setTrack(source, track),
});

const socketPath = document.documentElement.dataset.websocketPath || '/aq_server/websocket';
const validateUrl = new URL('validate', new URL(socketPath, location.href)).href;
/** @type {import('./page/page.js').Page['validate']} */
const ask = (who, signal, apart) => validate(validateUrl, who, { signal, apart, token: invite.token });

const session = new Session({
  url: `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${socketPath}`,
  validate: (who, signal) => ask(who, signal, true),
  openSocket: (url) => new WebSocket(url, invite.subprotocols),
  webrtc: support.webrtc,
  onChange: draw,
  onNotice: (notice) => notices.add(notice),
  onMark: (name) => mark(name),
  onWelcome: welcomed,
  onEnd: ended,
});
app.session = session;
const comeback = new Comeback(new ResumeStore(sessionStorageIfAllowed(), navigator.locks, wasReloaded()), session, local);

/** @type {import('./page/page.js').Page} */
const page = { app, session, local, support, preferences, weakness: new Weakness(), comeback, view, draw, drawNow: () => drawing.now(), openPreview, validate: ask, mark };
const notices = new Notices(page);
/** @type {import('./page/hearing.js').Hearing|null} */
let hearing = null;
/** @type {Promise<void>|null} */
let loading = null;
wireDevices(page);
wireActions(page);
const check = wireJoining(page);
wireRooms(page, check);
watchSurroundings(page);
begin().then(embed);

function drawNow() {
  const model = appModel(page);
  const { inCall, call } = model;
  // Gone again: the word about the last return would stand over what is said now.
  if (session.state.away) app.toasts.dismiss('back');
  app.model = model;
  session.setSaving(preferences.saveData);
  wakeLock.set(inCall);
  hearing?.follow(inCall ? local.track('microphone') : null);
  if (inCall) loading ??= loadCall();
  view.onDrawn?.(model);
  tellSite();
  const room = inCall ? `${view.unread > 0 ? `(${view.unread}) ` : ''}${call.call.room}` : view.room;
  document.title = room === '' ? 'AQ Server' : `${room} – AQ Server`;
}

/** Fetches what a call needs beyond the join. */
async function loadCall() {
  try {
    const { beginCalls } = await import('./page/incall.js');
    hearing = beginCalls(page);
    draw();
  } catch {
    loading = null; // the network: with the next change it is tried again
  }
}

/** @param {string} name */
function mark(name) {
  if (name === 'click') for (const old of ['click', 'welcome', 'offer', 'answer', 'connected', 'first-frame']) performance.clearMarks(`aq:${old}`);
  if (performance.getEntriesByName(`aq:${name}`).length > 0) return;
  performance.mark(`aq:${name}`);
  if (name === 'welcome' && support.webrtc) drawing.holdBriefly();
  else if (name === 'answer') drawing.release();
}

/** @param {import('./protocol/messages.js').Welcome} welcome */
function welcomed(welcome) {
  comeback.welcomed(welcome);
  obey(welcome.muted, local);
  view.room = welcome.room;
  noteRoom(welcome.room, Date.now());
  const url = new URL(location.href);
  url.searchParams.set('room', welcome.room);
  url.searchParams.delete('username');
  history.replaceState(null, '', url);
}

/** @param {import('./protocol/ending.js').Ending} ending */
function ended(ending) {
  comeback.forget();
  Object.assign(view, { pins: [], maximized: null, statistics: new Set(), talking: false });
  // Who was replaced sits at another window now, which wants the devices.
  if (ending.code === 'left' || ending.code === 'replaced') local.stop();
  else local.stopScreen();
}

/** In a frame the site around it may have something to say. */
async function embed() {
  if (window.parent === window) return;
  const { startEmbedding } = await import('./page/framed.js');
  tellSite = startEmbedding(page, parameters);
}

async function begin() {
  const goOn = takeOver();
  if (!goOn) app.join.fill({ room: view.room, username: parameters.username ?? preferences.username });
  const devices = support.devices && support.webrtc;
  if (devices) {
    local.refresh();
    watchPermissions(page);
  }
  drawing.hold();
  const past = await comeback.resume(query);
  if (!past && view.room === '') {
    await showLanding(page);
    return;
  }
  if (past) view.room = past.room;
  drawing.now();
  if (past) {
    if (devices) await local.openGranted(past.on);
    tellWhatIsOff(page, past.on);
    return;
  }
  if (!goOn) app.join.focusFirst();
  check(app.join.who);
  goOn?.();
  // Whoever has clicked Join already has said with which devices.
  if (session.state.phase === 'idle') openPreview();
}

/** Shows oneself, as far as that needs no question. */
function openPreview() {
  if (support.devices && support.webrtc) local.openGranted({ microphone: preferences.wantMicrophone, camera: preferences.wantCamera });
}

function wasReloaded() {
  const [navigation] = performance.getEntriesByType('navigation');
  return /** @type {PerformanceNavigationTiming|undefined} */ (navigation)?.type === 'reload';
}
