/**
 * What the page's address asks for: how a link, or a site that shows the page in
 * a frame, wants it to be. docs/embedding.md lists it for them. Pure.
 */

/** Parts of the call that can be left out. styles/embedding.css hides them. */
export const PARTS = Object.freeze(/** @type {const} */ (['microphone', 'camera', 'screen', 'hand', 'people', 'chat', 'invite', 'settings', 'leave']));

/** @typedef {import('../ui/arrangement.js').LayoutChoice} Layout */
/** @typedef {'auto'|'light'|'dark'} Theme */

/**
 * @typedef {object} Parameters
 * @property {string|null} room       null, here and below: the address does not say
 * @property {string|null} username
 * @property {Layout|null} layout
 * @property {boolean|null} microphone  whether to come in with it
 * @property {boolean|null} camera
 * @property {boolean} autojoin       without a click; only in a frame (embedding.js)
 * @property {Theme|null} theme       boot.js reads it too
 * @property {string|null} lang       code of a language, without a region; boot.js reads it too
 * @property {readonly string[]} hide  of PARTS
 */

/**
 * @param {URLSearchParams} query  of the page's address
 * @returns {Parameters}
 */
export function parseParameters(query) {
  const muted = flag(query.get('muted'));
  const wanted = (query.get('hide') ?? '').split(',').map((part) => part.trim());
  return {
    room: query.get('room'),
    username: query.get('username'),
    layout: oneOf(query.get('layout'), /** @type {const} */ (['auto', 'grid', 'speaker'])),
    microphone: muted === null ? null : !muted,
    camera: flag(query.get('camera')),
    autojoin: flag(query.get('autojoin')) ?? false,
    theme: oneOf(query.get('theme'), /** @type {const} */ (['auto', 'light', 'dark'])),
    lang: language(query.get('lang')),
    hide: PARTS.filter((part) => wanted.includes(part)),
  };
}

/**
 * A switch: there without a value is on, and what is neither on nor off says nothing.
 *
 * @param {string|null} value
 * @returns {boolean|null}
 */
function flag(value) {
  if (value === null) return null;
  if (['', '1', 'on', 'true', 'yes'].includes(value)) return true;
  return ['0', 'off', 'false', 'no'].includes(value) ? false : null;
}

/**
 * @template {string} T
 * @param {string|null} value
 * @param {readonly T[]} allowed
 * @returns {T|null}
 */
function oneOf(value, allowed) {
  return allowed.find((one) => one === value) ?? null;
}

/** @param {string|null} tag @returns {string|null} */
function language(tag) {
  return /^([a-z]{2})(-|$)/.exec(tag?.toLowerCase() ?? '')?.[1] ?? null;
}

/**
 * What of it changes the person's preferences, for as long as the visit lasts.
 *
 * @param {Parameters} parameters
 * @returns {Partial<import('./preferences.js').Preferences>}
 */
export function visitPreferences({ layout, microphone, camera, theme, lang }) {
  return {
    ...(microphone !== null && { wantMicrophone: microphone }),
    ...(camera !== null && { wantCamera: camera }),
    ...(layout !== null && { layout }),
    ...(theme !== null && { theme }),
    ...(lang !== null && { language: lang }),
  };
}
