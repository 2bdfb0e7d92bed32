// What a page receives, looked at ten times a second: the browser's own statistics of its one
// inbound video and its one inbound sound.

import { until } from '../../browser/support/until.mjs';

/**
 * @typedef {object} Sample
 * @property {number} at          when, in milliseconds since 1970
 * @property {number} width       of the picture decoded last
 * @property {number} received    frames of which all came
 * @property {number} decoded     of them
 * @property {number} packets     of video, repairs not among them
 * @property {number} lost        of video, as numbered; repairs do not count
 * @property {number} repaired    packets that came on the stream for repairs
 * @property {number} nacks       requests for repairs
 * @property {number} plis        keyframes asked for
 * @property {number} freezes
 * @property {number} frozen      seconds
 * @property {number} waited      seconds that frames have spent in the jitter buffer
 * @property {number} emitted     frames that have left it
 * @property {number} sound       packets of sound
 * @property {number} soundLost
 */

/** Begins to look. @param {import('../../browser/support/person.mjs').Person} person */
export function record(person) {
  return person.page.evaluate(() => {
    /** @type {any} */
    const w = window;
    if (w.__record) clearInterval(w.__record.timer);
    /** @type {Sample[]} */
    const samples = [];
    const look = async () => {
      const pc = window.__aq.connections.findLast((c) => c.connectionState !== 'closed');
      /** @type {any} */
      const s = { at: Date.now() };
      for (const r of pc ? (await pc.getStats()).values() : []) {
        if (r.type !== 'inbound-rtp') continue;
        if (r.kind === 'audio') {
          Object.assign(s, { sound: r.packetsReceived, soundLost: r.packetsLost });
          continue;
        }
        Object.assign(s, {
          at: r.timestamp,
          width: r.frameWidth ?? 0,
          received: r.framesReceived,
          decoded: r.framesDecoded,
          packets: r.packetsReceived,
          lost: r.packetsLost,
          repaired: r.retransmittedPacketsReceived ?? 0,
          nacks: r.nackCount,
          plis: r.pliCount,
          freezes: r.freezeCount,
          frozen: r.totalFreezesDuration,
          waited: r.jitterBufferDelay,
          emitted: r.jitterBufferEmittedCount,
        });
      }
      samples.push(s);
    };
    w.__record = { samples, timer: setInterval(look, 100) };
  });
}

/** Everything since `record`. @param {import('../../browser/support/person.mjs').Person} person @returns {Promise<Sample[]>} */
export function recorded(person) {
  return person.page.evaluate(() => /** @type {any} */ (window).__record.samples);
}

/** Waits for pictures of a width. @param {import('../../browser/support/person.mjs').Person} person @param {number} width @param {number} timeout */
export function showsWidth(person, width, timeout) {
  const last = async () => (await recorded(person)).at(-1);
  return until(`${person.name} sees a picture ${width} wide`, async () => (await last())?.width === width, { timeout, seen: last });
}

/**
 * @typedef {object} Sent
 * @property {number} at      when, in milliseconds since 1970
 * @property {number} width   of the layer
 * @property {number} frames  encoded
 * @property {number} nacks   requests for repairs
 * @property {number} plis    requests for keyframes
 */

/** What a page sends: the layers of its one video. @param {import('../../browser/support/person.mjs').Person} person @returns {Promise<Sent[]>} */
export function sent(person) {
  return person.page.evaluate(async () => {
    const layers = [];
    for (const r of (await window.__aq.connections.at(-1).getStats()).values()) {
      if (r.type !== 'outbound-rtp' || r.kind !== 'video') continue;
      layers.push({
        at: r.timestamp,
        width: r.frameWidth ?? 0,
        frames: r.framesEncoded ?? 0,
        nacks: r.nackCount ?? 0,
        plis: r.pliCount ?? 0,
      });
    }
    return layers;
  });
}
