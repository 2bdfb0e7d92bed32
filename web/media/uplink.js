/** How well our own sound and picture reach the server, from what it reports back. Pure. */

/** The time that is looked at, in samples of a second. */
const SAMPLES = 5;
const SAMPLE_MS = 900;
/** After an interruption what was lost in it is still being counted. */
const SETTLE_MS = 3000;
/** Of fewer packets nothing can be said. */
const ENOUGH_PACKETS = 50;

/**
 * The server's own scale (docs/protocol.md, `quality`): 5 up to 1 % loss, then
 * one less at 3, 7 and 15 %; a round trip above 300 ms costs one, above 600 ms two.
 *
 * @param {number} loss from 0 to 1
 * @param {number} roundTripMs
 * @returns {number} 1 (unusable) to 5 (perfect)
 */
export function scoreOf(loss, roundTripMs) {
  const lost = [0.01, 0.03, 0.07, 0.15].filter((limit) => loss > limit).length;
  const slow = [300, 600].filter((limit) => roundTripMs > limit).length;
  return Math.max(5 - lost - slow, 1);
}

export class Uplink {
  /** @type {{sent: number, lost: number}[]} */
  #samples = [];
  #at = -Infinity;
  /** @type {number|null} */
  #score = null;

  /** The score of the last seconds; null: unknown. @returns {number|null} */
  get score() {
    return this.#score;
  }

  /** The connection is another one, or was interrupted. @param {number} now  milliseconds */
  reset(now) {
    this.#at = now + SETTLE_MS;
    this.#samples = [];
    this.#score = null;
  }

  /**
   * Takes a sample; what comes within a second of the last one is passed over.
   *
   * @param {Iterable<any>} reports the values of an RTCStatsReport
   * @param {number} now  milliseconds
   */
  add(reports, now) {
    if (now - this.#at < SAMPLE_MS) return;
    this.#at = now;
    /** @type {Map<string, number>} */
    const sentBy = new Map();
    /** @type {any[]} */
    const heard = [];
    for (const report of reports) {
      if (report.type === 'outbound-rtp') sentBy.set(report.id, report.packetsSent ?? 0);
      else if (report.type === 'remote-inbound-rtp') heard.push(report);
    }
    let sent = 0;
    let lost = 0;
    let roundTripMs = 0;
    for (const report of heard) {
      sent += sentBy.get(report.localId) ?? 0;
      lost += report.packetsLost ?? 0;
      roundTripMs = Math.max(roundTripMs, (report.roundTripTime ?? 0) * 1000);
    }
    const last = this.#samples.at(-1);
    // Streams come and go with layers and connections: then the sums begin anew.
    if (last && (sent < last.sent || lost < last.lost)) this.#samples = [];
    this.#samples = [...this.#samples, { sent, lost }].slice(-SAMPLES);
    const [first] = this.#samples;
    const packets = sent - first.sent;
    const known = this.#samples.length === SAMPLES && packets >= ENOUGH_PACKETS;
    this.#score = known ? scoreOf((lost - first.lost) / packets, roundTripMs) : null;
  }
}
