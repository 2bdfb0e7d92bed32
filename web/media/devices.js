/** Cameras, microphones and loudspeakers: which there are, and how to open them. */

/** @typedef {'microphone'|'camera'} DeviceKind */
/** Some browsers give a device no label; then it is empty. @typedef {{id: string, label: string}} Device */
/** @typedef {{microphones: Device[], cameras: Device[], speakers: Device[]}} DeviceList */
/** @typedef {'denied'|'missing'|'busy'|'insecure'|'unsupported'|'failed'} DeviceProblem */

/** @type {DeviceList} */
export const NO_DEVICES = Object.freeze({ microphones: [], cameras: [], speakers: [] });

/**
 * Before permission is given browsers tell neither labels nor ids; such entries
 * cannot be chosen and are left out.
 *
 * @param {MediaDevices|undefined} [media]
 * @returns {Promise<DeviceList>}
 */
export async function listDevices(media = navigator.mediaDevices) {
  if (!media?.enumerateDevices) return NO_DEVICES;
  const all = await media.enumerateDevices();
  /** @param {MediaDeviceKind} kind */
  const pick = (kind) =>
    all.filter((device) => device.kind === kind && device.deviceId !== '').map(({ deviceId, label }) => ({ id: deviceId, label }));
  return {
    microphones: pick('audioinput'),
    cameras: pick('videoinput'),
    speakers: pick('audiooutput'),
  };
}

/**
 * Tells whether a device may be opened without a prompt.
 *
 * @param {DeviceKind} kind
 * @returns {Promise<'granted'|'denied'|'prompt'>}  prompt also where the browser does not tell
 */
export async function permission(kind) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (kind) });
    return status.state;
  } catch {
    return 'prompt';
  }
}

/** What the browser does to the sound of a microphone. @typedef {{echoCancellation: boolean, noiseSuppression: boolean, autoGainControl: boolean}} Processing */

/** @type {Processing} */
export const PROCESSED = Object.freeze({ echoCancellation: true, noiseSuppression: true, autoGainControl: true });

/**
 * @param {DeviceKind} kind
 * @param {string} deviceId  empty: the browser's default
 * @param {Processing} [processing]
 * @returns {MediaStreamConstraints}
 */
export function constraintsFor(kind, deviceId, processing = PROCESSED) {
  const device = deviceId ? { deviceId: { exact: deviceId } } : {};
  if (kind === 'microphone') return { audio: { ...device, ...processing } };
  return { video: { ...device, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } };
}

/**
 * Names the problem behind an error of getUserMedia (W3C Media Capture and
 * Streams, section 10.2; older names of Firefox and Chromium included).
 *
 * @param {unknown} error
 * @returns {DeviceProblem}
 */
export function problemOf(error) {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
    case 'PermissionDeniedError':
      return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
    case 'DevicesNotFoundError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
    case 'TrackStartError':
      return 'busy';
    case 'TypeError':
      return 'unsupported';
    default:
      return 'failed';
  }
}

/**
 * Opens one device. A chosen device that is gone is replaced by the default.
 *
 * @param {DeviceKind} kind
 * @param {string} deviceId
 * @param {MediaDevices} [media]
 * @param {Processing} [processing]
 * @returns {Promise<MediaStreamTrack>}
 */
export async function openDevice(kind, deviceId, media = navigator.mediaDevices, processing = PROCESSED) {
  const first = await media.getUserMedia(constraintsFor(kind, deviceId, processing)).catch((error) => {
    if (deviceId && problemOf(error) === 'missing') return media.getUserMedia(constraintsFor(kind, '', processing));
    throw error;
  });
  return first.getTracks()[0];
}

/**
 * Opens microphone and camera with a single prompt.
 *
 * @param {string} microphoneId
 * @param {string} cameraId
 * @param {MediaDevices} [media]
 * @param {Processing} [processing]
 * @returns {Promise<{microphone: MediaStreamTrack, camera: MediaStreamTrack}>}
 */
export async function openBoth(microphoneId, cameraId, media = navigator.mediaDevices, processing = PROCESSED) {
  const stream = await media.getUserMedia({
    ...constraintsFor('microphone', microphoneId, processing),
    ...constraintsFor('camera', cameraId),
  });
  return { microphone: stream.getAudioTracks()[0], camera: stream.getVideoTracks()[0] };
}

/**
 * Changes what the browser does to a microphone's sound, without opening it anew.
 *
 * @param {MediaStreamTrack} track
 * @param {Processing} processing
 * @returns {Promise<boolean>} false: this browser does not do that to an open device
 */
export async function process(track, processing) {
  await track.applyConstraints({ ...track.getConstraints(), ...processing }).catch(() => undefined);
  const now = track.getSettings();
  // What a browser does not know at all, opening anew would not change either.
  return (/** @type {(keyof Processing)[]} */ (Object.keys(processing))).every((key) => now[key] === undefined || now[key] === processing[key]);
}

/**
 * Whether the platform blurs what is behind a person, and lets the page decide
 * about it (W3C Media Capture Extensions, backgroundBlur).
 *
 * @param {MediaStreamTrack|null} camera
 * @returns {boolean}
 */
export function canBlur(camera) {
  const { backgroundBlur } = /** @type {{backgroundBlur?: boolean[]}} */ (camera?.getCapabilities?.() ?? {});
  return backgroundBlur?.length === 2;
}

/** @param {MediaStreamTrack} camera @param {boolean} on */
export async function blur(camera, on) {
  const constraints = /** @type {MediaTrackConstraints} */ ({ ...camera.getConstraints(), backgroundBlur: on });
  await camera.applyConstraints(constraints).catch(() => undefined);
}
