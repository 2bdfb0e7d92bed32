/** Words, and a way on, for everything that keeps a camera or microphone away. */

import { t } from '../i18n/i18n.js';

/** @typedef {import('../media/devices.js').DeviceProblem} DeviceProblem */
/** @typedef {import('../media/devices.js').DeviceKind} DeviceKind */
/**
 * @typedef {object} Explanation
 * @property {string} title
 * @property {string} text
 * @property {string} without   what still works; for people who are not inside yet
 * @property {boolean} retry    trying again may help
 * @property {boolean} help     the browser has to be told to allow it (permissionhelp.js)
 */

/**
 * @param {{microphone: DeviceProblem|null, camera: DeviceProblem|null}} problems
 * @returns {Explanation|null} null: all is well
 */
export function explain({ microphone, camera }) {
  if (!microphone && !camera) return null;
  if (microphone && camera && microphone === camera) return explainOne('both', microphone);
  if (microphone && !camera) return explainOne('microphone', microphone);
  if (camera && !microphone) return explainOne('camera', camera);
  const both = [explainOne('microphone', /** @type {DeviceProblem} */ (microphone)), explainOne('camera', /** @type {DeviceProblem} */ (camera))];
  const text = both.map((one) => t('problem.one-of-two', { title: one.title, text: one.text })).join(' ');
  return { title: t('problem.each.title'), text, without: t('problem.without'), retry: true, help: microphone === 'denied' || camera === 'denied' };
}

/**
 * @param {'both'|DeviceKind} what
 * @param {DeviceProblem} problem
 * @returns {Explanation}
 */
function explainOne(what, problem) {
  if (problem === 'insecure') return insecure();
  return {
    title: t(`problem.${problem}.${what}`),
    text: t(`problem.${problem}.text`),
    without: t('problem.without'),
    retry: problem !== 'unsupported',
    help: problem === 'denied',
  };
}

/**
 * What a page that was loaded again could not switch on by itself.
 *
 * @param {{microphone: boolean, camera: boolean}} off
 * @param {boolean} screen  the screen was being shared
 * @returns {string} empty: nothing
 */
export function offAfterReload({ microphone, camera }, screen) {
  const words = [];
  if (microphone || camera) words.push(t(microphone && camera ? 'reload.both' : microphone ? 'reload.microphone' : 'reload.camera'));
  if (screen) words.push(t('reload.screen'));
  return words.join(' ');
}

/** The page's address is one to which browsers give no devices. @returns {Explanation} */
export function insecure() {
  return { title: t('problem.insecure.title'), text: t('problem.insecure.text'), without: t('problem.insecure.without'), retry: false, help: false };
}

/** This browser has no WebRTC. @returns {Explanation} */
export function noWebRTC() {
  return { title: t('problem.no-webrtc.title'), text: t('problem.no-webrtc.text'), without: t('problem.no-webrtc.without'), retry: false, help: false };
}
