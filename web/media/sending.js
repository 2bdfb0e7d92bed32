/** How our own tracks are encoded: which layers run, and at which bitrate. */

/** @typedef {import('../protocol/messages.js').Source} Source */

/** Bits per second of each simulcast layer of the camera: quarter, half and full size. */
const CAMERA_BITRATES = /** @type {Record<string, number>} */ ({ q: 180_000, h: 650_000, f: 2_200_000 });
/** A camera without layers. */
const CAMERA_BITRATE = 2_200_000;
const SCREEN_BITRATE = 3_000_000;

/**
 * The parameters a sender should have, from those it has. Scaling is left to
 * the browser: below 720p Chromium drops layers if it is set.
 *
 * @param {RTCRtpSendParameters} parameters as `getParameters` gave them; changed in place
 * @param {Source} source
 * @param {readonly string[]|null} watched  rids to send; null: all
 * @param {string} [hint]  the track's contentHint
 * @param {boolean} [saving]  the camera's full size is never sent; who wants it gets the half
 * @returns {boolean} whether anything changed
 */
export function shapeEncodings(parameters, source, watched, hint = '', saving = false) {
  let changed = false;
  // Where the network is weak, a text may come later, but a film has to go on.
  const kept = hint === 'motion' ? 'maintain-framerate' : 'maintain-resolution';
  if (source === 'screen' && parameters.degradationPreference !== kept) {
    parameters.degradationPreference = kept;
    changed = true;
  }
  const layers = parameters.encodings ?? [];
  for (const encoding of layers) {
    const bitrate = bitrateOf(source, encoding.rid, layers.length, saving);
    const active = layers.length < 2 || isSent(encoding.rid ?? '', watched, saving && source === 'camera');
    if (bitrate && encoding.maxBitrate !== bitrate) {
      encoding.maxBitrate = bitrate;
      changed = true;
    }
    if ((encoding.active ?? true) !== active) {
      encoding.active = active;
      changed = true;
    }
  }
  return changed;
}

/** @param {string} rid @param {readonly string[]|null} watched @param {boolean} saving */
function isSent(rid, watched, saving) {
  const wanted = (/** @type {string} */ one) => watched === null || watched.includes(one);
  if (!saving) return wanted(rid);
  return rid !== 'f' && (wanted(rid) || (rid === 'h' && wanted('f')));
}

/** @param {Source} source @param {string|undefined} rid @param {number} layers @param {boolean} saving */
function bitrateOf(source, rid, layers, saving) {
  if (source === 'screen') return SCREEN_BITRATE;
  if (source !== 'camera') return 0;
  if (layers > 1) return CAMERA_BITRATES[rid ?? ''];
  return saving ? CAMERA_BITRATES.h : CAMERA_BITRATE;
}
