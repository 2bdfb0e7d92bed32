/**
 * Whether anything still arrives on a connection that calls itself connected.
 * Browsers say `disconnected` after five seconds and more; this notices in one
 * and a half. It reads the browser's reports once a second (3 ms at 25 tracks,
 * measured), and four times a second while it is quiet. Pure but for its timer.
 *
 * Quiet is no proof: in a room where nobody sends, only a STUN answer comes
 * every 2.5 s. It counts as silence when we send ourselves and the feedback
 * that has been coming ends, or when a STUN request stays without an answer.
 */

const POLL_MS = 1000;
const CLOSE_POLL_MS = 250;
/** From here it is worth looking closer. */
const QUIET_MS = 400;
const SILENT_MS = 1500;
/** For a while after a doubt (the network has changed) less is enough. */
const DOUBTED_SILENT_MS = 600;
const DOUBT_MS = 5000;
/** So long feedback must have come without a pause before its end means anything. */
const STEADY_MS = 3000;
/** How long a STUN request may stay without an answer, at the least. */
const UNANSWERED_MS = 600;
/** A timer that comes so late slept with its page. */
const LATE_MS = 1000;

/**
 * What the reports say about the way to the server.
 *
 * @typedef {object} Reading
 * @property {string} pair        id of the selected candidate pair
 * @property {number} bytes       received: RTP and RTCP
 * @property {number} answers     STUN messages received
 * @property {number} requests    STUN requests sent
 * @property {number|null} ageMs  since the last RTP or RTCP packet; null: the browser does not tell
 * @property {number} roundTripMs
 */

/**
 * @param {Iterable<any>} reports the values of an RTCStatsReport
 * @returns {Reading|null} null: no pair is selected
 */
export function readingOf(reports) {
  /** @type {any} */
  let transport = null;
  /** @type {any[]} */
  const pairs = [];
  for (const report of reports) {
    if (report.type === 'transport') transport = report;
    else if (report.type === 'candidate-pair') pairs.push(report);
  }
  // Where the transport does not name the pair in use, that one is marked (in Firefox; others may be nominated too).
  const pair =
    pairs.find((p) => p.id === transport?.selectedCandidatePairId) ?? pairs.find((p) => p.selected) ?? pairs.find((p) => p.nominated);
  if (!pair) return null;
  const { timestamp, lastPacketReceivedTimestamp: last } = pair;
  return {
    pair: pair.id,
    bytes: pair.bytesReceived ?? 0,
    answers: (pair.responsesReceived ?? 0) + (pair.requestsReceived ?? 0),
    requests: (pair.requestsSent ?? 0) + (pair.consentRequestsSent ?? 0),
    ageMs: typeof last === 'number' && last > 0 ? Math.max(timestamp - last, 0) : null,
    roundTripMs: (pair.currentRoundTripTime ?? 0) * 1000,
  };
}

/**
 * @param {Iterable<any>} reports the values of an RTCStatsReport
 * @returns {number} grows with whatever arrives, on whichever pair
 */
export function arrivedOf(reports) {
  let sum = 0;
  for (const report of reports) {
    if (report.type === 'candidate-pair') sum += (report.bytesReceived ?? 0) + (report.responsesReceived ?? 0);
  }
  return sum;
}

/**
 * @typedef {object} PulseOptions
 * @property {() => Promise<Reading|null>} read
 * @property {() => boolean} sending  whether we send, so that feedback is due
 * @property {(silent: boolean) => void} onSilent
 * @property {(run: () => void, ms: number) => any} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {() => number} now  milliseconds
 */

export class Pulse {
  #options;
  /** @type {any} */
  #timer = null;
  /** Counts starts and stops, so that a reading that comes too late is ignored. */
  #life = 0;
  /** @type {Reading|null} */
  #last = null;
  /** When the last reading was taken. */
  #readAt = 0;
  /** When anything arrived, and when RTP or RTCP did. */
  #heardAt = 0;
  #flowedAt = 0;
  /** Since when RTP and RTCP have come without a pause. */
  #flowing = 0;
  /** @type {number|null} since when a STUN request has had no answer */
  #unanswered = null;
  #doubtedAt = -Infinity;
  #silent = false;

  /** @param {PulseOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** The connection is up. */
  start() {
    this.stop();
    const now = this.#options.now();
    this.#last = null;
    this.#readAt = this.#heardAt = this.#flowedAt = this.#flowing = now;
    this.#unanswered = null;
    this.#schedule(POLL_MS);
  }

  /** It is down, which others see; or gone. Says nothing. */
  stop() {
    this.#life += 1;
    if (this.#timer !== null) this.#options.clearTimer(this.#timer);
    this.#timer = null;
    this.#silent = false;
  }

  /** Something speaks against the way: look closer, and believe it sooner. */
  doubt() {
    if (this.#timer === null) return;
    this.#doubtedAt = this.#options.now();
    this.#options.clearTimer(this.#timer);
    this.#schedule(CLOSE_POLL_MS);
  }

  /** @param {number} ms */
  #schedule(ms) {
    const due = this.#options.now() + ms;
    this.#timer = this.#options.setTimer(() => this.#poll(due), ms);
  }

  /** @param {number} due */
  async #poll(due) {
    const life = this.#life;
    const late = this.#options.now() > due + LATE_MS;
    const reading = await this.#options.read().catch(() => null);
    if (life !== this.#life) return;
    const now = this.#options.now();
    if (reading) this.#take(reading, now);
    // Nothing could be heard while the page slept: it is given the time to hear.
    if (late) this.#heardAt = Math.max(this.#heardAt, now - QUIET_MS);
    this.#judge(now);
    if (life !== this.#life) return;
    const near = now - this.#heardAt >= QUIET_MS || now - this.#doubtedAt < DOUBT_MS;
    this.#schedule(near ? CLOSE_POLL_MS : POLL_MS);
  }

  /** @param {Reading} reading @param {number} now */
  #take(reading, now) {
    const last = this.#last;
    const { ageMs } = reading;
    // A STUN answer came at some time since the last reading: it counts as early as it can have.
    const since = this.#readAt;
    this.#last = reading;
    this.#readAt = now;
    if (!last) return;
    const same = last.pair === reading.pair;
    const before = same ? last : { bytes: 0, answers: 0, requests: reading.requests };
    if (reading.bytes > before.bytes) {
      const at = Math.max(now - (ageMs ?? 0), this.#flowedAt);
      if (at - this.#flowedAt > SILENT_MS) this.#flowing = at;
      this.#flowedAt = at;
      this.#heard(at);
    }
    if (reading.answers > before.answers) this.#heard(since);
    else if (reading.requests > before.requests) this.#unanswered ??= now;
  }

  /** @param {number} at */
  #heard(at) {
    this.#heardAt = Math.max(this.#heardAt, at);
    this.#unanswered = null;
  }

  /** @param {number} now */
  #judge(now) {
    const { sending, onSilent } = this.#options;
    const limit = now - this.#doubtedAt < DOUBT_MS ? DOUBTED_SILENT_MS : SILENT_MS;
    const quiet = now - this.#heardAt >= limit;
    const steady = this.#flowedAt - this.#flowing >= STEADY_MS;
    const answerDue = Math.max(UNANSWERED_MS, 3 * (this.#last?.roundTripMs ?? 0));
    const unanswered = this.#unanswered !== null && now - this.#unanswered >= answerDue;
    // Once silent it is silent until something comes, whatever is sent meanwhile.
    const silent = quiet && (this.#silent || (steady && sending()) || unanswered);
    if (silent === this.#silent) return;
    this.#silent = silent;
    onSilent(silent);
  }
}
