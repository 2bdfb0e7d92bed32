/** Every key of the call, in one table; what each does is in page/keys.js. Pure. */

/**
 * @typedef {'microphone'|'talk'|'camera'|'screen'|'hand'|'reactions'|'chat'|'people'|'layout'|'full-screen'|'statistics'
 *   |'previous'|'next'|'keys'} ShortcutId
 */
/**
 * @typedef {object} Shortcut
 * @property {ShortcutId} id
 * @property {string} key     as in KeyboardEvent
 * @property {string} [code]  the same place on a keyboard of another alphabet
 * @property {boolean} [character]  types something: may be turned off (WCAG 2.1.4)
 */

/** @param {ShortcutId} id @param {string} letter @returns {Shortcut} */
const letter = (id, letter) => ({ id, key: letter, code: `Key${letter.toUpperCase()}`, character: true });

/** @type {readonly Shortcut[]} */
export const SHORTCUTS = Object.freeze([
  letter('microphone', 'm'),
  { id: 'talk', key: ' ', character: true },
  letter('camera', 'e'),
  letter('screen', 's'),
  letter('hand', 'h'),
  letter('reactions', 'r'),
  letter('chat', 'c'),
  letter('people', 'p'),
  letter('layout', 'l'),
  letter('full-screen', 'f'),
  letter('statistics', 'i'),
  { id: 'previous', key: 'PageUp' },
  { id: 'next', key: 'PageDown' },
  { id: 'keys', key: '?', character: true },
]);

/** A letter of the alphabet that the codes are named after. */
const LATIN = /^[a-z]$/i;

/**
 * @param {{key: string, code: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, isComposing: boolean}} event
 * @param {boolean} characters  whether keys that type something count
 * @returns {Shortcut|undefined}
 */
export function shortcutOf(event, characters) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return undefined;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // Where the keyboard writes Latin letters, the letter counts, wherever it is.
  const found = SHORTCUTS.find((s) => s.key === key) ?? (LATIN.test(event.key) ? undefined : SHORTCUTS.find((s) => s.code !== undefined && s.code === event.code));
  return found?.character && !characters ? undefined : found;
}
