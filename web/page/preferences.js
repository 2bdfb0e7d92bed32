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
 * @property {'auto'|'light'|'dark'} theme   boot.js reads it too
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
  theme: 'auto',
  language: '',
};

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

/** @param {Preferences} preferences */
export function savePreferences(preferences) {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // As above.
  }
}
