/** What becomes of one's own devices, and what is said, when a moderator acts. */

/** @typedef {import('./protocol/messages.js').Source} Source */

const NAMES = { microphone: 'microphone', camera: 'camera', screen: 'shared screen', screen_audio: 'shared screen' };

/**
 * Turns off what is not forwarded any more.
 *
 * @param {readonly Source[]} muted
 * @param {{setMicrophone: (on: boolean) => any, setCamera: (on: boolean) => any, stopScreen: () => void}} local
 */
export function obey(muted, local) {
  if (muted.includes('microphone')) local.setMicrophone(false);
  if (muted.includes('camera')) local.setCamera(false);
  if (muted.includes('screen') || muted.includes('screen_audio')) local.stopScreen();
}

/**
 * @param {import('./protocol/moderation.js').Moderated} told
 * @returns {string} empty: there is nothing to say
 */
export function moderatedText({ action, source, hard, username }) {
  const who = username || 'The administrator';
  const what = source ? NAMES[source] : '';
  if (action === 'mute' && what) return hard ? `${who} turned off your ${what}. You cannot turn it on again yourself.` : `${who} turned off your ${what}.`;
  if (action === 'unmute' && what) return `${who} lets you use your ${what} again.`;
  return '';
}

/** @param {Source} source @returns {string} */
export function mutedText(source) {
  return `A moderator has turned off your ${NAMES[source]}.`;
}

/**
 * What changed of what one may do, in words.
 *
 * @param {import('./protocol/messages.js').Permissions} before
 * @param {import('./protocol/messages.js').Permissions} now
 * @returns {string[]}
 */
export function permissionTexts(before, now) {
  const texts = [];
  if (now.moderate !== before.moderate) texts.push(now.moderate ? 'You are a moderator now.' : 'You are no moderator any more.');
  const screen = (/** @type {typeof now} */ p) => p.publish.includes('screen');
  if (screen(now) !== screen(before)) texts.push(screen(now) ? 'You may share your screen now.' : 'Only moderators may share their screens now.');
  if (now.chat !== before.chat) texts.push(now.chat ? 'You may write in the chat now.' : 'Only moderators may write in the chat now.');
  return texts;
}
