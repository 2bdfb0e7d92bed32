/** The person's own devices: switched, chosen, asked for again, and what is said when they do not work. */

import { t } from '../i18n/i18n.js';
import { permission } from '../media/devices.js';
import { explain, offAfterReload } from '../ui/problems.js';
import { mutedText } from './discipline.js';
import { on } from './page.js';
import { savePreferences } from './preferences.js';

/** @typedef {import('./page.js').Page} Page */
/** @typedef {import('../media/devices.js').DeviceKind} DeviceKind */

/** @type {{microphone: 'wantMicrophone', camera: 'wantCamera'}} */
const WANT = { microphone: 'wantMicrophone', camera: 'wantCamera' };

/** @param {Page} page */
export function wireDevices(page) {
  const { local, preferences, draw } = page;
  on(page, 'aq-want', (/** @type {DeviceKind} */ kind) => want(page, kind));
  on(page, 'aq-preview', (/** @type {{microphone: boolean, camera: boolean}} */ wanted) => local.open(wanted));
  on(page, 'aq-device-retry', () => retryDevices(page));
  on(page, 'aq-choose-device', (/** @type {{kind: 'microphone'|'camera'|'speaker', id: string}} */ { kind, id }) => {
    preferences[kind] = id;
    savePreferences(preferences);
    if (kind === 'speaker') draw();
    else local.choose(kind, id);
  });
  on(page, 'aq-screen-hint', (/** @type {'detail'|'motion'} */ screenHint) => {
    preferences.screenHint = screenHint;
    savePreferences(preferences);
    local.setScreenHint(screenHint);
    draw();
  });
  on(page, 'aq-screen-sound', (/** @type {boolean} */ screenSound) => {
    preferences.screenSound = screenSound;
    savePreferences(preferences);
    draw();
  });
  on(page, 'aq-toggle', (/** @type {DeviceKind|'screen'|'hand'} */ what) => {
    if (what === 'screen') toggleScreen(page);
    else if (what !== 'hand') toggle(page, what);
  });
}

/** What one wants to be on after the join. @param {Page} page @param {DeviceKind} kind */
function want({ local, preferences, draw }, kind) {
  const wanted = (preferences[WANT[kind]] = !preferences[WANT[kind]]);
  savePreferences(preferences);
  draw();
  if (kind === 'microphone' && local.track('microphone')) local.setMicrophone(wanted);
  if (kind === 'camera' && !wanted) local.setCamera(false);
  if (wanted) local.openGranted({ microphone: kind === 'microphone', camera: kind === 'camera' });
}

/** Switches a device in the call. @param {Page} page @param {DeviceKind} kind */
async function toggle(page, kind) {
  const { app, session, local, preferences, view } = page;
  // Whoever turns it on while he holds the key wants it to stay on.
  if (kind === 'microphone' && view.talking) {
    view.talking = false;
    local.setMicrophone(false);
  }
  if (session.state.room.own?.muted.includes(kind)) {
    app.toasts.show({ text: mutedText(kind), id: `moderated-${kind}` });
    return;
  }
  const turnOn = !local.state.on[kind];
  preferences[WANT[kind]] = turnOn;
  savePreferences(preferences);
  await (kind === 'microphone' ? local.setMicrophone(turnOn) : local.setCamera(turnOn));
  tellProblem(page);
}

/** @param {Page} page */
async function toggleScreen({ app, local, preferences }) {
  if (local.state.on.screen) {
    local.stopScreen();
    return;
  }
  const problem = await local.startScreen({ hint: preferences.screenHint, sound: preferences.screenSound });
  // Whoever closes the picker has changed his mind and needs no lecture.
  if (problem && problem !== 'denied') app.toasts.show({ text: t('notice.screen-failed'), kind: 'error', id: 'screen' });
}

/** Opens what is wanted, with one prompt, when somebody joins. @param {Page} page */
export async function openWanted(page) {
  const { local, preferences } = page;
  await Promise.all([
    local.open({ microphone: preferences.wantMicrophone, camera: preferences.wantCamera }),
    local.track('microphone') ? local.setMicrophone(preferences.wantMicrophone) : null,
  ]);
  tellProblem(page);
}

/** Says what is wrong with a device after somebody tried to use it. @param {Page} page */
function tellProblem(page) {
  const problem = explain(page.local.state.problems);
  page.app.toasts.dismiss('device');
  if (!problem) return;
  const action = problem.retry ? { label: t('common.retry'), run: () => retryDevices(page) } : undefined;
  page.app.toasts.show({ id: 'device', text: t('problem.notice', { title: problem.title, text: problem.text }), kind: 'error', action });
}

/** @param {Page} page */
async function retryDevices(page) {
  const { problems } = page.local.state;
  await page.local.open({ microphone: problems.microphone !== null, camera: problems.camera !== null });
  tellProblem(page);
}

/** After a reload some things stay off that were on. @param {Page} page @param {import('../media/localmedia.js').LocalState['on']} was */
export function tellWhatIsOff(page, was) {
  const { on: now, problems } = page.local.state;
  if (problems.microphone || problems.camera) {
    tellProblem(page);
    return;
  }
  const off = { microphone: was.microphone && !now.microphone, camera: was.camera && !now.camera };
  const text = offAfterReload(off, was.screen);
  if (text === '') return;
  const action = off.microphone || off.camera ? { label: t('reload.turn-on'), run: () => page.local.open(off).then(() => tellProblem(page)) } : undefined;
  page.app.toasts.show({ id: 'device', text, action });
}

/** The person may allow or block the devices beside the page; then the page follows. @param {Page} page */
export function watchPermissions(page) {
  for (const kind of /** @type {const} */ (['microphone', 'camera'])) watchPermission(page, kind);
}

/** @param {Page} page @param {DeviceKind} kind */
async function watchPermission(page, kind) {
  const { local } = page;
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (kind) });
    status.addEventListener('change', async () => {
      local.refresh();
      if (local.state.problems[kind] === 'denied' && (await permission(kind)) === 'granted') retryDevices(page);
    });
  } catch {
    // Firefox before 131 knows no such permission names; "Try again" does there.
  }
}

/** A device that is permitted opens in less. */
const ASKING_MS = 700;

/** Watches whether the browser asks for a device for so long that a word about it helps. */
export class Asking {
  #show;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  /** @param {(asking: boolean) => void} show */
  constructor(show) {
    this.#show = show;
  }

  /** @param {boolean} asking  as in LocalState */
  note(asking) {
    if (asking) {
      this.#timer ??= setTimeout(() => this.#show(true), ASKING_MS);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#show(false);
  }
}
