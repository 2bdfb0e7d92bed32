/** What this browser remembers about its person. */

const KEY = 'aq-preferences';

/**
 * @typedef {object} Preferences
 * @property {string} room
 * @property {string} username
 * @property {string} microphone   device id; empty: the default
 * @property {string} camera
 * @property {string} speaker
 * @property {boolean} wantMicrophone
 * @property {boolean} wantCamera
 * @property {boolean} noiseSuppression
 * @property {boolean} echoCancellation
 * @property {boolean} autoGainControl
 * @property {boolean} backgroundBlur
 * @property {boolean} mirror       one's own picture is shown as in a mirror
 * @property {boolean} soundPeople  when somebody comes or goes
 * @property {boolean} soundChat
 * @property {boolean} soundHand
 * @property {boolean} saveData     few and small pictures
 * @property {boolean} shortcuts    keys without Ctrl or Alt do something
 * @property {'auto'|'light'|'dark'} theme   boot.js reads it too
 * @property {import('../ui/arrangement.js').LayoutChoice} layout
 * @property {import('../ui/layout.js').SelfView} selfView
 * @property {import('../ui/layout.js').Corner} corner   of our own picture, where it floats
 * @property {'detail'|'motion'} screenHint   what a shared screen is optimised for
 * @property {boolean} screenSound  a screen is shared with its sound
 * @property {string} language  a code of i18n/languages.js; empty: as the browser says; boot.js reads it too
 */

/** @type {Preferences} */
const DEFAULTS = {
  room: '',
  username: '',
  microphone: '',
  camera: '',
  speaker: '',
  wantMicrophone: true,
  wantCamera: true,
  noiseSuppression: true,
  echoCancellation: true,
  autoGainControl: true,
  backgroundBlur: false,
  mirror: true,
  soundPeople: true,
  soundChat: true,
  soundHand: true,
  saveData: false,
  shortcuts: true,
  theme: 'auto',
  layout: 'auto',
  selfView: 'auto',
  corner: 'bottom-end',
  screenHint: 'detail',
  screenSound: true,
  language: '',
};

/** What holds for this visit alone, and what is remembered instead. @type {WeakMap<Preferences, {visit: Partial<Preferences>, chosen: Partial<Preferences>}>} */
const visits = new WeakMap();

/**
 * @returns {Preferences} defaults where storage is forbidden or holds something else
 */
export function loadPreferences() {
  /** @type {Record<string, unknown>} */
  let stored = {};
  try {
    stored = JSON.parse(localStorage.getItem(KEY) ?? '{}') ?? {};
  } catch {
    // Storage may be forbidden; the page works without a memory.
  }
  /** @type {Record<string, unknown>} */
  const result = { ...DEFAULTS };
  for (const [key, value] of Object.entries(DEFAULTS)) {
    if (typeof stored[key] === typeof value) result[key] = stored[key];
  }
  return /** @type {Preferences} */ (/** @type {unknown} */ (result));
}

/**
 * Changes preferences because the address or the embedding site asks for it.
 * That is not what the person chose: unless it is changed again it is not saved.
 *
 * @param {Preferences} preferences
 * @param {Partial<Preferences>} changes
 */
export function forThisVisit(preferences, changes) {
  const chosen = { ...preferences, ...remembered(preferences) };
  visits.set(preferences, { visit: { ...visits.get(preferences)?.visit, ...changes }, chosen });
  Object.assign(preferences, changes);
}

/** What is to be saved instead of what holds now. @param {Preferences} preferences @returns {Partial<Preferences>} */
function remembered(preferences) {
  const { visit, chosen } = visits.get(preferences) ?? { visit: {}, chosen: {} };
  const keys = /** @type {(keyof Preferences)[]} */ (Object.keys(visit));
  return Object.fromEntries(keys.filter((key) => preferences[key] === visit[key]).map((key) => [key, chosen[key]]));
}

/** @param {Preferences} preferences */
export function savePreferences(preferences) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...preferences, ...remembered(preferences) }));
  } catch {
    // As above.
  }
}

/** What a tab remembers, in this life and after a reload. @returns {Storage|undefined} nothing where storage is forbidden */
export function sessionStorageIfAllowed() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}
