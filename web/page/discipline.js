/** What becomes of one's own devices, and what is said, when a moderator acts. */

import { t } from '../i18n/i18n.js';

/** @typedef {import('../protocol/messages.js').Source} Source */

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
 * @param {import('../protocol/moderation.js').Moderated} told
 * @returns {string} empty: there is nothing to say
 */
export function moderatedText({ action, source, hard, username }) {
  if (!source) return '';
  const name = username || t('moderated.administrator');
  const what = source === 'screen_audio' ? 'screen' : source;
  if (action === 'mute') return hard ? t(`moderated.forbidden.${what}`, { name }) : t(`moderated.off.${what}`, { name });
  return action === 'unmute' ? t(`moderated.allowed.${what}`, { name }) : '';
}

/** @param {'microphone'|'camera'} source @returns {string} */
export function mutedText(source) {
  return t(`moderated.still.${source}`);
}

/**
 * What changed of what one may do, in words.
 *
 * @param {import('../protocol/messages.js').Permissions} before
 * @param {import('../protocol/messages.js').Permissions} now
 * @returns {string[]}
 */
export function permissionTexts(before, now) {
  const texts = [];
  if (now.moderate !== before.moderate) texts.push(t(now.moderate ? 'permission.moderate.given' : 'permission.moderate.taken'));
  const screen = (/** @type {typeof now} */ p) => p.publish.includes('screen');
  if (screen(now) !== screen(before)) texts.push(t(screen(now) ? 'permission.screen.given' : 'permission.screen.taken'));
  if (now.chat !== before.chat) texts.push(t(now.chat ? 'permission.chat.given' : 'permission.chat.taken'));
  return texts;
}
