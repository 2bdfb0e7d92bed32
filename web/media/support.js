/** What this browser and this address allow. No DOM elements. */

/**
 * @typedef {object} Support
 * @property {boolean} webrtc   calls are possible at all; without it there is chat
 * @property {boolean} secure   the address is https or localhost, which devices need
 * @property {boolean} devices  camera and microphone can be asked for
 * @property {boolean} screen   the screen can be shared
 * @property {boolean} speaker  the loudspeaker can be chosen
 */

/**
 * @param {Window & typeof globalThis} [scope]
 * @returns {Support}
 */
export function support(scope = window) {
  const media = scope.navigator.mediaDevices;
  const sender = scope.RTCRtpSender;
  return {
    webrtc:
      typeof scope.RTCPeerConnection === 'function' &&
      typeof sender === 'function' &&
      typeof sender.prototype.replaceTrack === 'function' &&
      'mid' in (scope.RTCRtpTransceiver?.prototype ?? {}),
    secure: scope.isSecureContext,
    devices: typeof media?.getUserMedia === 'function',
    screen: typeof media?.getDisplayMedia === 'function',
    speaker: typeof scope.HTMLMediaElement.prototype.setSinkId === 'function',
  };
}
