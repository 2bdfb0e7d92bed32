/** Words, and a way on, for everything that keeps a camera or microphone away. */

/** @typedef {import('../media/devices.js').DeviceProblem} DeviceProblem */
/** @typedef {import('../media/devices.js').DeviceKind} DeviceKind */
/**
 * @typedef {object} Explanation
 * @property {string} title
 * @property {string} text
 * @property {string} without   what still works; for people who are not inside yet
 * @property {boolean} retry    trying again may help
 */

const WITHOUT = 'You can also join without: you will see, hear and write.';

/**
 * @param {{microphone: DeviceProblem|null, camera: DeviceProblem|null}} problems
 * @returns {Explanation|null} null: all is well
 */
export function explain({ microphone, camera }) {
  if (!microphone && !camera) return null;
  if (microphone && camera && microphone === camera) return explainOne('camera and microphone', microphone, true);
  if (microphone && !camera) return explainOne('microphone', microphone, false);
  if (camera && !microphone) return explainOne('camera', camera, false);
  const mic = explainOne('microphone', /** @type {DeviceProblem} */ (microphone), false);
  const cam = explainOne('camera', /** @type {DeviceProblem} */ (camera), false);
  return { title: 'Camera and microphone do not work', text: `${mic.title}: ${mic.text} ${cam.title}: ${cam.text}`, without: WITHOUT, retry: true };
}

/**
 * @param {string} what
 * @param {DeviceProblem} problem
 * @param {boolean} plural
 * @returns {Explanation}
 */
function explainOne(what, problem, plural) {
  const What = what[0].toUpperCase() + what.slice(1);
  const is = plural ? 'are' : 'is';
  switch (problem) {
    case 'denied':
      return {
        title: `${What} ${is} blocked`,
        text: 'Allow access with the icon in the address bar of your browser (and, if needed, in the privacy settings of your system), then try again.',
        without: WITHOUT,
        retry: true,
      };
    case 'missing':
      return { title: `No ${what} found`, text: 'Plug one in and try again.', without: WITHOUT, retry: true };
    case 'busy':
      return {
        title: `${What} ${is} in use`,
        text: 'Another program or tab seems to be using it. Close that and try again.',
        without: WITHOUT,
        retry: true,
      };
    case 'insecure':
      return INSECURE;
    case 'unsupported':
      return { title: `This browser gives no access to the ${what}`, text: 'Another browser may.', without: WITHOUT, retry: false };
    default:
      return { title: `${What} could not be started`, text: 'Try again, or choose another device.', without: WITHOUT, retry: true };
  }
}

/**
 * What a page that was loaded again could not switch on by itself.
 *
 * @param {{microphone: boolean, camera: boolean}} off
 * @param {boolean} screen  the screen was being shared
 * @returns {string} empty: nothing
 */
export function offAfterReload({ microphone, camera }, screen) {
  const devices = microphone && camera ? 'Your microphone and camera are off' : microphone ? 'Your microphone is off' : camera ? 'Your camera is off' : '';
  const words = devices ? [`${devices}: after a reload your browser wants to ask you again.`] : [];
  if (screen) words.push('Your screen is no longer shared: a reload ends that.');
  return words.join(' ');
}

/** @type {Explanation} */
export const INSECURE = {
  title: 'This address is not secure',
  text: 'Browsers give camera and microphone only to pages opened with https:// or on localhost. Ask for the https address of this server.',
  without: 'Until then you can join to watch, listen and chat.',
  retry: false,
};

/** @type {Explanation} */
export const NO_WEBRTC = {
  title: 'This browser cannot make calls',
  text: 'It has no WebRTC, or it was switched off. A current Chrome, Edge, Firefox or Safari will do.',
  without: 'You can still join the chat.',
  retry: false,
};
