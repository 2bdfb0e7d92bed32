/** Wires the session and the devices to the elements. */

import { Comeback } from './comeback.js';
import { permission } from './media/devices.js';
import { moderatedText, mutedText, obey, permissionTexts } from './discipline.js';
import { watchDoubts } from './doubts.js';
import { Invite } from './invite.js';
import { LocalMedia } from './media/localmedia.js';
import { figuresOf } from './media/stats.js';
import { support as supportOf } from './media/support.js';
import { callModel } from './model.js';
import { Notices } from './notices.js';
import { loadPreferences, savePreferences } from './preferences.js';
import { sentence } from './protocol/ending.js';
import { ResumeStore } from './protocol/resumestore.js';
import { validate } from './protocol/validate.js';
import { Session } from './session.js';
import './ui/app.js';
import { explain, offAfterReload } from './ui/problems.js';
import { WakeLock } from './wakelock.js';
import { Weakness } from './weakness.js';

const app = /** @type {import('./ui/app.js').AqApp} */ (document.querySelector('aq-app'));
const invite = new Invite(sessionStorageIfAllowed());
invite.take(location, history);
const support = supportOf();
const preferences = loadPreferences();
const wakeLock = new WakeLock();
const weakness = new Weakness();

/** @type {import('./ui/call.js').Panel} */
let panel = null;
let unread = 0;
let audioBlocked = false;
/** @type {import('./media/stats.js').Figures|null} */
let figures = null;
let drawing = false;
/** Nothing is drawn while the page begins, or the first offer is on its way and being answered. */
let holding = false;
/** The browser has been asking for a device for so long that a word about it helps. */
let askingShown = false;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let askingTimer;

const local = new LocalMedia({
  chosen: { microphone: preferences.microphone, camera: preferences.camera },
  secure: support.secure,
  onChange: () => {
    session.setDevices(local.state.on);
    watchAsking();
    draw();
  },
  onTrack: (source, track) => session.setTrack(source, track),
});

const socketPath = document.documentElement.dataset.websocketPath || '/aq_server/websocket';
const session = new Session({
  url: `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}${socketPath}`,
  validate: (who, signal) => validate(validateUrl(), who, { signal, apart: true, token: invite.token }),
  openSocket: (url) => new WebSocket(url, invite.subprotocols),
  webrtc: support.webrtc,
  onChange: draw,
  onNotice: notice,
  onMark: (name) => mark(name),
  onWelcome: welcomed,
  onEnd: ended,
});
app.session = session;
const comeback = new Comeback(new ResumeStore(sessionStorageIfAllowed(), navigator.locks, wasReloaded()), session, local);

function watchAsking() {
  if (!local.state.asking) {
    clearTimeout(askingTimer);
    askingTimer = undefined;
    askingShown = false;
  } else {
    // A device that is permitted opens in less.
    askingTimer ??= setTimeout(() => {
      askingShown = true;
      draw();
    }, 700);
  }
}

/** @returns {string} */
function validateUrl() {
  return new URL('validate', new URL(socketPath, location.href)).href;
}

/** Drawing the call takes longer than the offer needs to come; it can wait so long. */
const HOLD_MS = 150;

/** Draws later, but no later than the answer: media is on its way while the call is drawn. */
function hold() {
  holding = true;
  setTimeout(release, HOLD_MS);
}

function release() {
  if (!holding) return;
  holding = false;
  draw();
}

/**
 * Draws once for all changes until the next frame. In the background there are
 * no frames, and a timer does it: sound needs its elements there too.
 */
function draw() {
  if (drawing || holding) return;
  drawing = true;
  const run = () => {
    if (!drawing) return;
    drawing = false;
    if (!holding) drawNow();
  };
  requestAnimationFrame(run);
  setTimeout(run, 100);
}

function drawNow() {
  const { phase, ending } = session.state;
  const own = { camera: local.cameraStream, screen: local.screenStream };
  const world = { now: Date.now(), online: navigator.onLine, weak: weakness.weak };
  const call = callModel(session.state, local.state, own, support, world);
  // Gone again: the word about the last return would stand over what is said now.
  if (session.state.away) app.toasts.dismiss('back');
  const microphone = local.track('microphone');
  const wanted = { microphone: preferences.wantMicrophone, camera: preferences.wantCamera };
  const inCall = phase === 'joined' || phase === 'reconnecting';
  const { problems, devices } = local.state;
  const chosen = { ...local.current, speaker: preferences.speaker };
  const preview = { local: local.state, camera: own.camera, microphone, wanted, chosen, support };
  const trouble = { microphone: problems.microphone !== null, camera: problems.camera !== null };
  app.model = {
    inCall,
    join: { joining: phase === 'joining', lobby: session.state.lobby && !inCall, ending, preview },
    call: { call, panel, unread, speaker: preferences.speaker, audioBlocked, asking: askingShown && inCall, trouble },
    settings: {
      devices: { devices, chosen, canRoute: support.speaker, microphone },
      name: session.state.room.username,
      theme: preferences.theme,
      figures,
      quality: call.quality,
      problem: explain(problems),
    },
  };
  wakeLock.set(inCall);
  document.title = inCall ? `${unread > 0 ? `(${unread}) ` : ''}${call.room} – AQ Server` : 'AQ Server';
}

/** @param {string} name */
function mark(name) {
  if (name === 'click') for (const old of ['click', 'welcome', 'offer', 'answer', 'connected', 'first-frame']) performance.clearMarks(`aq:${old}`);
  if (performance.getEntriesByName(`aq:${name}`).length > 0) return;
  performance.mark(`aq:${name}`);
  if (name === 'welcome' && support.webrtc) hold();
  else if (name === 'answer') release();
}

/** @param {import('./protocol/messages.js').Welcome} welcome */
function welcomed(welcome) {
  comeback.welcomed(welcome);
  obey(welcome.muted, local);
  const url = new URL(location.href);
  url.searchParams.set('room', welcome.room);
  url.searchParams.delete('username');
  history.replaceState(null, '', url);
}

/** @param {import('./protocol/ending.js').Ending} ending */
function ended(ending) {
  comeback.forget();
  // Who was replaced sits at another window now, which wants the devices.
  if (ending.code === 'left' || ending.code === 'replaced') local.stop();
  else local.stopScreen();
}

// --- What the server and the others do -------------------------------------

const notices = new Notices(
  (toast) => app.toasts.show(toast),
  (peerId) => session.admit({ peer_id: peerId, admit: true }),
);

/** @param {import('./session.js').Notice} what */
function notice(what) {
  switch (what.kind) {
    case 'moderated': {
      const text = moderatedText(what.told);
      if (what.told.action === 'mute' && what.told.source) obey([what.told.source], local);
      if (text) app.toasts.show({ text, stays: true, id: `moderated-${what.told.source}` });
      return;
    }
    case 'permissions':
      if (!what.now.publish.includes('screen')) local.stopScreen();
      for (const text of permissionTexts(what.before, what.now)) app.toasts.show({ text });
      return;
    case 'chat':
      break;
    default:
      notices.add(what);
      return;
  }
  if (panel === 'chat' && !document.hidden) return;
  unread += 1;
  if (panel !== 'chat') app.announce(`${what.message.username} writes: ${what.message.message.slice(0, 200)}`);
  draw();
}

// --- What the person does ---------------------------------------------------

/**
 * @template T
 * @param {string} name
 * @param {(detail: T) => void} run
 */
function on(name, run) {
  app.addEventListener(name, (event) => run(/** @type {CustomEvent<T>} */ (event).detail));
}

on('aq-join', async (/** @type {{room: string, username: string, withDevices: boolean}} */ { room, username, withDevices }) => {
  const who = { room, username };
  Object.assign(preferences, { room, username });
  savePreferences(preferences);
  // The socket first: devices, and the person at their prompt, may take their time.
  session.join(who);
  unread = 0;
  panel = null;
  if (!withDevices) {
    local.stop();
  } else if (support.webrtc) {
    await Promise.all([
      local.open({ microphone: preferences.wantMicrophone, camera: preferences.wantCamera }),
      local.track('microphone') ? local.setMicrophone(preferences.wantMicrophone) : null,
    ]);
    deviceToast();
  }
});

on('aq-who', (/** @type {{room: string, username: string}} */ who) => check(who));

on('aq-want', (/** @type {'microphone'|'camera'} */ kind) => {
  const key = kind === 'microphone' ? 'wantMicrophone' : 'wantCamera';
  preferences[key] = !preferences[key];
  savePreferences(preferences);
  draw();
  if (kind === 'microphone' && local.track('microphone')) local.setMicrophone(preferences.wantMicrophone);
  if (kind === 'camera' && !preferences.wantCamera) local.setCamera(false);
  if (preferences[key]) local.openGranted({ microphone: kind === 'microphone', camera: kind === 'camera' });
});

on('aq-preview', (/** @type {{microphone: boolean, camera: boolean}} */ wanted) => local.open(wanted));

on('aq-toggle', async (/** @type {'microphone'|'camera'|'screen'|'hand'} */ what) => {
  const { on: now } = local.state;
  if ((what === 'microphone' || what === 'camera') && session.state.room.own?.muted.includes(what)) {
    app.toasts.show({ text: mutedText(what), id: `moderated-${what}` });
    return;
  }
  switch (what) {
    case 'microphone':
      preferences.wantMicrophone = !now.microphone;
      await local.setMicrophone(!now.microphone);
      deviceToast();
      break;
    case 'camera':
      preferences.wantCamera = !now.camera;
      await local.setCamera(!now.camera);
      deviceToast();
      break;
    case 'screen':
      if (now.screen) local.stopScreen();
      else await shareScreen();
      break;
    case 'hand':
      session.setHand(!session.state.hand);
      app.announce(session.state.hand ? 'Your hand is raised' : 'Your hand is down');
  }
  savePreferences(preferences);
});

async function shareScreen() {
  const problem = await local.startScreen();
  // Whoever closes the picker has changed his mind and needs no lecture.
  if (problem && problem !== 'denied') app.toasts.show({ text: 'The screen could not be shared.', kind: 'error', id: 'screen' });
}

/** Says what is wrong with a device after somebody tried to use it. */
function deviceToast() {
  const problem = explain(local.state.problems);
  app.toasts.dismiss('device');
  if (!problem) return;
  const action = problem.retry ? { label: 'Try again', run: retryDevices } : undefined;
  app.toasts.show({ id: 'device', text: `${problem.title}. ${problem.text}`, kind: 'error', action });
}

async function retryDevices() {
  const { problems } = local.state;
  await local.open({ microphone: problems.microphone !== null, camera: problems.camera !== null });
  deviceToast();
}

on('aq-device-retry', retryDevices);

on('aq-choose-device', (/** @type {{kind: 'microphone'|'camera'|'speaker', id: string}} */ { kind, id }) => {
  preferences[kind] = id;
  savePreferences(preferences);
  if (kind === 'speaker') draw();
  else local.choose(kind, id);
});

on('aq-panel', (/** @type {'chat'|'people'} */ which) => {
  panel = panel === which ? null : which;
  if (panel === 'chat') unread = 0;
  draw();
});

on('aq-chat', (/** @type {string} */ text) => session.sendChat(text));
on('aq-rename', (/** @type {string} */ name) => {
  preferences.username = name;
  savePreferences(preferences);
  session.rename(name);
});
on('aq-moderate', (/** @type {import('./protocol/moderation.js').Moderate} */ deed) => session.moderate(deed));
on('aq-admit', (/** @type {{peer_id: string, admit: boolean}} */ answer) => {
  app.toasts.dismiss(`knock-${answer.peer_id}`);
  session.admit(answer);
});
on('aq-views', (/** @type {import('./protocol/messages.js').ViewEntry[]} */ views) => session.setViews(views));
on('aq-retry', () => session.retryNow());
on('aq-leave', () => session.leave());
on('aq-audio-blocked', (/** @type {boolean} */ blocked) => {
  audioBlocked = blocked;
  draw();
});
on('aq-first-frame', () => mark('first-frame'));

on('aq-copy-link', async () => {
  const link = new URL(location.pathname, location.href);
  link.searchParams.set('room', session.state.room.room);
  try {
    await navigator.clipboard.writeText(link.href);
    app.toasts.show({ text: 'The link to this room is copied.', id: 'link' });
  } catch {
    // No clipboard in an insecure context: the person can copy from the notice.
    app.toasts.show({ text: link.href, id: 'link', stays: true });
  }
});

/** @type {ReturnType<typeof setInterval>|undefined} */
let figuresTimer;
/** @type {import('./media/stats.js').Sample|null} */
let sample = null;

on('aq-settings', () => {
  app.settings.show();
  local.refresh();
  sample = null;
  readFigures();
  figuresTimer = setInterval(readFigures, 1000);
});
on('aq-settings-closed', () => {
  clearInterval(figuresTimer);
  draw();
});

async function readFigures() {
  const report = await session.stats();
  if (!report) {
    figures = null;
  } else {
    const read = figuresOf(report.values(), sample);
    ({ figures, sample } = read);
  }
  draw();
}

on('aq-theme', (/** @type {import('./ui/settings.js').Theme} */ theme) => {
  preferences.theme = theme;
  savePreferences(preferences);
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  draw();
});

// --- What the server would say to what is typed ------------------------------

/** @type {AbortController|null} */
let checking = null;

/** @param {{room: string, username: string}} who */
async function check(who) {
  checking?.abort();
  const controller = new AbortController();
  checking = controller;
  await new Promise((resolve) => setTimeout(resolve, 250));
  if (controller.signal.aborted || session.state.phase === 'joined') return;
  const answer = await validate(validateUrl(), who, { signal: controller.signal, token: invite.token }).catch(() => null);
  if (!answer || controller.signal.aborted) return;
  if (answer.ok) {
    app.join.judge({ people: answer.peers, room: answer.room });
    return;
  }
  const field = answer.code === 'bad_username' ? 'name' : answer.code === 'bad_room' ? 'room' : 'form';
  app.join.judge({ field, text: sentence(answer.message) });
}

// --- The world outside --------------------------------------------------------

/** After so long in the background nobody watches, and video is stopped. */
const BACKGROUND_MS = 10000;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let backgroundTimer;

document.addEventListener('visibilitychange', () => {
  clearTimeout(backgroundTimer);
  if (document.hidden) {
    backgroundTimer = setTimeout(() => session.setBackground(true), BACKGROUND_MS);
    return;
  }
  session.setBackground(false);
  if (panel === 'chat') unread = 0;
  draw();
});

const { connection } = /** @type {{connection?: EventTarget & {type?: string}}} */ (navigator);
watchDoubts(() => session.retryNow(), { window, document, connection, now: Date.now, setInterval });

/** After so long a page that was about to go is still here: it was a download, or the person thought better of it. */
const STAYED_MS = 2000;

// A page that is closed and one that is loaded again look the same as they go.
function goAway() {
  comeback.remember();
  session.away();
}

addEventListener('pagehide', goAway);
addEventListener('pageshow', (event) => {
  if (event.persisted) session.back();
});
// Firefox says goodbye (1001) on the page's behalf before its pagehide.
addEventListener('beforeunload', () => {
  goAway();
  setTimeout(() => session.back(), STAYED_MS);
});
for (const type of ['online', 'offline']) addEventListener(type, draw);

setInterval(() => {
  const { phase, media, room, uplink } = session.state;
  const now = Date.now();
  if (phase !== 'joined' && phase !== 'reconnecting') return;
  const before = weakness.weak;
  if (phase === 'joined' && media === 'connected') weakness.sample({ down: room.quality?.score ?? null, up: uplink }, now);
  else weakness.reset(now);
  // While one is away the words change with time alone.
  if (weakness.weak !== before || phase === 'reconnecting') draw();
  comeback.rememberSometimes();
}, 1000);

function wasReloaded() {
  const [navigation] = performance.getEntriesByType('navigation');
  return /** @type {PerformanceNavigationTiming|undefined} */ (navigation)?.type === 'reload';
}

function sessionStorageIfAllowed() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

// --- Begin ------------------------------------------------------------------

const query = new URLSearchParams(location.search);
const first = { room: query.get('room') ?? preferences.room, username: query.get('username') ?? preferences.username };
begin();

async function begin() {
  app.join.fill(first);
  const devices = support.devices && support.webrtc;
  if (devices) {
    local.refresh();
    // The person may allow or block the devices beside the page; then the page follows.
    for (const kind of /** @type {const} */ (['microphone', 'camera'])) watchPermission(kind);
  }
  // Not the way in, only to take it away again a moment later.
  holding = true;
  const past = await comeback.resume(query);
  holding = false;
  drawNow();
  if (past) {
    if (devices) await local.openGranted(past.on);
    tellWhatIsOff(past.on);
    return;
  }
  app.join.focusFirst();
  check(first);
  if (devices) local.openGranted({ microphone: preferences.wantMicrophone, camera: preferences.wantCamera });
}

/** After a reload some things stay off that were on. @param {import('./media/localmedia.js').LocalState['on']} was */
function tellWhatIsOff(was) {
  const { on: now, problems } = local.state;
  if (problems.microphone || problems.camera) {
    deviceToast();
    return;
  }
  const off = { microphone: was.microphone && !now.microphone, camera: was.camera && !now.camera };
  const text = offAfterReload(off, was.screen);
  if (text === '') return;
  const action = off.microphone || off.camera ? { label: 'Turn on', run: () => local.open(off).then(deviceToast) } : undefined;
  app.toasts.show({ id: 'device', text, action });
}

/** @param {'microphone'|'camera'} kind */
async function watchPermission(kind) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (kind) });
    status.addEventListener('change', async () => {
      local.refresh();
      if (local.state.problems[kind] === 'denied' && (await permission(kind)) === 'granted') retryDevices();
    });
  } catch {
    // Firefox before 131 knows no such permission names; "Try again" does there.
  }
}
