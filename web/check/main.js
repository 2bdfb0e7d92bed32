/** Wires the check of the connection, a page of its own: what it needs beside the call is loaded by nobody else. */

import * as figures from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { watchLevel } from '../media/levels.js';
import { LocalMedia } from '../media/localmedia.js';
import { support as supportOf } from '../media/support.js';
import { Invite } from '../page/invite.js';
import { loadPreferences, savePreferences } from '../page/preferences.js';
import { validate } from '../protocol/validate.js';
import { judgeAll, judgeSpeaker, NOT_ASKED, NOT_TESTED } from './judge.js';
import { Loop } from './loop.js';
import './page.js';
import { reportText } from './report.js';
import { CHECKS, runChecks } from './run.js';
import { playTone, syntheticTracks } from './synthetic.js';

/** @typedef {import('./judge.js').Judgement} Judgement */

const page = /** @type {import('./page.js').AqCheck} */ (document.querySelector('aq-check'));
const invite = new Invite(sessionStorageIfAllowed());
invite.take(location, history);
const support = supportOf();
const preferences = loadPreferences();
/** @type {import('./judge.js').Format} */
const format = { ...figures, way: (way) => t(`check.way.${way}`) };

/** @typedef {{id: string, title: string, judgement: Judgement|null, running: boolean}} Check */

/** @type {Record<string, import('../i18n/i18n.js').Key>} */
const TITLES = {
  browser: 'check.browser',
  server: 'check.server',
  microphone: 'device.microphone',
  camera: 'device.camera',
  speaker: 'device.speaker',
  join: 'check.join',
  media: 'check.media',
  quality: 'check.quality',
};

/** @returns {Check[]} */
const untouched = () => CHECKS.map((id) => ({ id, title: t(TITLES[id]), judgement: null, running: false }));

let checks = untouched();
let running = false;
let done = false;
let copied = false;
let progress = 0;
/** @type {MediaStream|null} */
let returned = null;
/** @type {boolean|null} whether the person heard the tone */
let heard = null;
let loudest = 0;
/** @type {MediaStreamTrack|null} */
let listenedTo = null;
let stopListening = () => {};

const local = new LocalMedia({
  chosen: { microphone: preferences.microphone, camera: preferences.camera },
  secure: support.secure,
  onChange: show,
  onTrack: listen,
});

/** Keeps the loudest that the microphone has heard. */
function listen() {
  const track = local.track('microphone');
  if (track === listenedTo) return;
  stopListening();
  listenedTo = track;
  stopListening = track ? watchLevel(track, (level) => (loudest = Math.max(loudest, level))) : () => {};
}

/** @returns {import('./page.js').Result[]} */
function results() {
  const lines = checks.map(({ id, title, judgement, running: runs }) => inWords(id, title, judgement, runs ? 'running' : 'waiting'));
  const speaker = heard === null ? NOT_ASKED : judgeSpeaker(heard);
  const devices = CHECKS.indexOf('camera') + 1;
  return [...lines.slice(0, devices), inWords('speaker', t(TITLES.speaker), speaker, 'waiting'), ...lines.slice(devices)];
}

/**
 * @param {string} id
 * @param {string} title
 * @param {Judgement|null} judgement
 * @param {'running'|'waiting'} meanwhile
 * @returns {import('./page.js').Result}
 */
function inWords(id, title, judgement, meanwhile) {
  if (!judgement) return { id, title, level: meanwhile, text: '', advice: '' };
  const { level, text, advice } = judgement;
  return { id, title, level, text: t(...text), advice: advice ? t(...advice) : '' };
}

function show() {
  const shown = results();
  const level = (/** @type {import('./page.js').Result|undefined} */ result) => /** @type {import('./judge.js').Level} */ (result?.level);
  const all = done ? judgeAll(shown.map(level), level(shown.find(({ id }) => id === 'media'))) : null;
  const summary = all && { level: all.level, text: t(...all.text) };
  const head = { origin: location.origin, time: new Date().toISOString(), browser: navigator.userAgent, summary: summary?.text ?? '' };
  const { microphone, camera } = local.current;
  page.model = {
    running,
    results: shown,
    summary,
    report: done ? reportText(head, shown.map((result) => ({ ...result, level: t(`check.level.${result.level}`) }))) : '',
    copied,
    pictures: { own: local.cameraStream, returned },
    devices: {
      devices: local.state.devices,
      chosen: { microphone, camera, speaker: preferences.speaker },
      canRoute: support.speaker,
      microphone: local.track('microphone'),
    },
    progress,
  };
}

const here = new URL('./', location.href);
const socketPath = document.documentElement.dataset.websocketPath || '/aq_server/websocket';
const socketUrl = new URL(socketPath, location.href);
socketUrl.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';

/** @returns {import('./loop.js').Entrance} */
function entrance() {
  // A name that nobody guesses: whoever knew it could watch.
  const room = `check-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
  return {
    url: socketUrl.href,
    room,
    validate: (who, signal) => validate(new URL('validate', here).href, who, { signal, apart: true, token: invite.token }),
    openSocket: (url) => new WebSocket(url, invite.subprotocols),
  };
}

async function start() {
  if (running) return;
  running = true;
  done = false;
  copied = false;
  loudest = 0;
  checks = untouched();
  show();
  try {
    await runAll(entrance());
  } finally {
    running = false;
    done = true;
    checks = checks.map((check) => ({ ...check, judgement: check.judgement ?? NOT_TESTED, running: false }));
    show();
  }
}

/** @param {import('./loop.js').Entrance} door */
function runAll(door) {
  /** @type {import('./run.js').World} */
  const world = {
    support,
    local,
    ask: () => validate(new URL('validate', here).href, { room: door.room, username: 'check' }, { token: invite.token }),
    loudest: () => loudest,
    synthetic: syntheticTracks,
    loop: (tracks) => new Loop(door, tracks),
    format,
    now: () => performance.now(),
  };
  return runChecks(world, {
    begins(id, way) {
      if (way) checks.push({ id, title: t('check.way', { way: format.way(way.id) }), judgement: null, running: true });
      change(id, { running: true });
    },
    found: (id, judgement) => change(id, { judgement, running: false }),
    returned(stream) {
      returned = stream;
      show();
    },
    progress(share) {
      progress = share;
      show();
    },
  });
}

/** @param {string} id @param {Partial<Check>} change */
function change(id, change) {
  checks = checks.map((check) => (check.id === id ? { ...check, ...change } : check));
  show();
}

async function copy() {
  try {
    await navigator.clipboard.writeText(page.model?.report ?? '');
    copied = true;
    show();
  } catch {
    // No clipboard in an insecure context: the person can copy what is selected.
    page.selectReport();
  }
}

page.addEventListener('aq-check-start', start);
page.addEventListener('aq-check-tone', () => playTone(preferences.speaker));
page.addEventListener('aq-check-heard', (event) => {
  heard = /** @type {CustomEvent<boolean>} */ (event).detail;
  show();
});
page.addEventListener('aq-check-copy', copy);
page.addEventListener('aq-choose-device', (event) => {
  const { kind, id } = /** @type {CustomEvent<{kind: 'microphone'|'camera'|'speaker', id: string}>} */ (event).detail;
  preferences[kind] = id;
  savePreferences(preferences);
  if (kind === 'speaker') show();
  else local.choose(kind, id);
});

function sessionStorageIfAllowed() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

document.title = `${t('check.title')} – AQ Server`;
local.refresh();
show();
