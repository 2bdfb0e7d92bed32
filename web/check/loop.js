/**
 * The person's own media on its way to the server and back: two visits to one
 * room from this page, one of which sends and the other receives.
 */

import { Session } from '../session.js';
import { onlyWay, waysOf, wayTaken } from './ways.js';

/** Longer than this nobody waits for a call to begin. */
const CONNECT_MS = 12000;
/** A way that is not needed is given up sooner. */
const PROBE_MS = 6000;
const MEASURE_MS = 8000;
const POLL_MS = 100;

/**
 * @typedef {object} Entrance
 * @property {string} url         of the WebSocket
 * @property {string} room
 * @property {(who: {room: string, username: string}, signal: AbortSignal) => Promise<import('../protocol/validate.js').Admission|import('../protocol/validate.js').Refusal>} validate
 * @property {(url: string) => WebSocket} openSocket
 */

/** One visit to the room of the check. */
class Visit {
  session;
  /** @type {RTCPeerConnection|null} */
  connection = null;
  /** @type {import('../protocol/ending.js').Ending|null} */
  ending = null;
  #entrance;
  #began = 0;
  /** @type {number|null} milliseconds since `enter` */
  joinedMs = null;
  /** @type {number|null} */
  connectedMs = null;

  /**
   * @param {Entrance} entrance
   * @param {string} username
   * @param {import('./ways.js').Way} [only]  the one way that media may take
   */
  constructor(entrance, username, only) {
    this.#entrance = entrance;
    this.username = username;
    this.session = new Session({
      ...entrance,
      webrtc: true,
      createLink: (configuration) => (this.connection = connect(configuration, only)),
      onChange: () => this.#look(),
      onNotice: () => undefined,
      onEnd: (ending) => (this.ending = ending),
    });
  }

  enter() {
    this.#began = performance.now();
    this.session.join({ room: this.#entrance.room, username: this.username });
  }

  #look() {
    // Called while the session is being made as well.
    if (!this.session || this.#began === 0) return;
    const { phase, media, room } = this.session.state;
    const ms = performance.now() - this.#began;
    if (phase === 'joined') this.joinedMs ??= ms;
    if (media === 'connected') this.connectedMs ??= ms;
    // Where somebody has to let people in, that is us: we came first.
    if (room.permissions.moderate) for (const { peer_id } of room.waiting) this.session.admit({ peer_id, admit: true });
  }

  /** @returns {Promise<any[]>} the browser's reports */
  async reports() {
    return [...((await this.session.stats())?.values() ?? [])];
  }

  leave() {
    this.session.leave();
  }
}

/**
 * @param {RTCConfiguration} configuration
 * @param {import('./ways.js').Way} [only]
 */
function connect(configuration, only) {
  if (!only) return new RTCPeerConnection(configuration);
  const { relay } = only;
  const connection = new RTCPeerConnection({ ...configuration, iceServers: relay ? [relay] : [], iceTransportPolicy: relay ? 'relay' : 'all' });
  const apply = connection.setRemoteDescription.bind(connection);
  connection.setRemoteDescription = (/** @type {any} */ { type, sdp }) => apply({ type, sdp: onlyWay(sdp, only) });
  // The welcome brings iceServers only now; they would undo the choice.
  connection.setConfiguration = () => undefined;
  return connection;
}

/**
 * @param {() => unknown|Promise<unknown>} condition
 * @param {number} ms
 * @returns {Promise<boolean>} whether it came true in time
 */
async function within(condition, ms) {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}

/** A word for the list of people; nobody else is in the room. */
const NAMES = { sender: 'check-1', receiver: 'check-2', probe: 'check-3' };

export class Loop {
  #entrance;
  #sender;
  #receiver;

  /**
   * @param {Entrance} entrance
   * @param {{microphone: MediaStreamTrack, camera: MediaStreamTrack}} tracks  to be sent
   */
  constructor(entrance, tracks) {
    this.#entrance = entrance;
    this.#sender = new Visit(entrance, NAMES.sender);
    this.#receiver = new Visit(entrance, NAMES.receiver);
    this.#sender.session.setTrack('microphone', tracks.microphone);
    this.#sender.session.setTrack('camera', tracks.camera);
    this.#sender.session.setDevices({ microphone: true, camera: true });
  }

  /** Enters the room. @returns {Promise<import('./judge.js').Joining>} */
  async join() {
    const visit = this.#sender;
    visit.enter();
    await within(() => visit.joinedMs !== null || visit.ending || visit.session.state.lobby, CONNECT_MS);
    const { joinedMs, ending } = visit;
    return { joinedMs, lobby: visit.session.state.lobby, ending: ending && { code: ending.code, message: ending.message } };
  }

  /** Connects media. @returns {Promise<{connectedMs: number|null, way: import('./ways.js').WayId|null, ways: import('./ways.js').Way[]}>} */
  async connect() {
    const visit = this.#sender;
    const connected = await within(() => visit.connectedMs !== null || visit.ending, CONNECT_MS);
    // Who reads the offer before it has come would find no ways.
    const { connection } = visit;
    const ways = waysOf(connection?.remoteDescription?.sdp ?? '', connection?.getConfiguration().iceServers ?? []);
    const way = connected ? wayTaken(await visit.reports()) : null;
    const since = visit.connectedMs !== null && visit.joinedMs !== null ? visit.connectedMs - visit.joinedMs : null;
    return { connectedMs: since, way, ways };
  }

  /** Lets the second visit in, which receives. @returns {Promise<MediaStream|null>} the picture that comes back */
  async receive() {
    this.#receiver.enter();
    const picture = () => [...this.#receiver.session.state.streams.values()].find((stream) => stream.getVideoTracks().length > 0) ?? null;
    const decoded = async () => sums(await this.#receiver.reports()).framesDecoded > 0;
    await within(async () => this.#receiver.ending || (picture() && (await decoded())), CONNECT_MS);
    return picture();
  }

  /**
   * Looks for some seconds how much arrives.
   *
   * @param {(share: number) => void} progress  from 0 to 1
   * @returns {Promise<import('./judge.js').Quality>}
   */
  async measure(progress) {
    const began = performance.now();
    const before = await this.#sample();
    await within(() => {
      const share = (performance.now() - began) / MEASURE_MS;
      progress(Math.min(share, 1));
      return share >= 1;
    }, MEASURE_MS * 2);
    const now = await this.#sample();
    const seconds = (performance.now() - began) / 1000;
    const { received: r, sent: s } = now;
    const lost = Math.max(r.packetsLost - before.received.packetsLost, 0);
    const arrived = r.packetsReceived - before.received.packetsReceived;
    const sent = s.packetsSent - before.sent.packetsSent;
    const lostUp = Math.max(s.packetsLostRemote - before.sent.packetsLostRemote, 0);
    return {
      rttMs: s.rttMs,
      lossUp: sent > 0 ? Math.min(lostUp / sent, 1) : 0,
      lossDown: arrived + lost > 0 ? lost / (arrived + lost) : 0,
      videoBps: ((r.videoBytes - before.received.videoBytes) * 8) / seconds,
      fps: (r.framesDecoded - before.received.framesDecoded) / seconds,
      width: r.width,
      height: r.height,
      sentFps: s.sourceFps,
    };
  }

  /** Whether another way would do as well. @param {import('./ways.js').Way} way @returns {Promise<number|null>} milliseconds; null: no */
  async probe(way) {
    const visit = new Visit(this.#entrance, NAMES.probe, way);
    visit.enter();
    await within(() => visit.connectedMs !== null || visit.ending, PROBE_MS);
    const taken = visit.connectedMs === null ? null : wayTaken(await visit.reports());
    const { connectedMs, joinedMs } = visit;
    visit.leave();
    return taken === way.id && connectedMs !== null && joinedMs !== null ? connectedMs - joinedMs : null;
  }

  leave() {
    this.#sender.leave();
    this.#receiver.leave();
  }

  async #sample() {
    return { sent: sums(await this.#sender.reports()), received: sums(await this.#receiver.reports()) };
  }
}

/** What matters of a connection's reports, added up. @param {any[]} reports */
function sums(reports) {
  const sum = { packetsLost: 0, packetsReceived: 0, videoBytes: 0, framesDecoded: 0, width: 0, height: 0, packetsSent: 0, packetsLostRemote: 0, sourceFps: 0, rttMs: /** @type {number|null} */ (null) };
  for (const r of reports) {
    switch (r.type) {
      case 'inbound-rtp':
        sum.packetsLost += r.packetsLost ?? 0;
        sum.packetsReceived += r.packetsReceived ?? 0;
        if (r.kind !== 'video') break;
        sum.videoBytes += r.bytesReceived ?? 0;
        sum.framesDecoded += r.framesDecoded ?? 0;
        sum.width = Math.max(sum.width, r.frameWidth ?? 0);
        sum.height = Math.max(sum.height, r.frameHeight ?? 0);
        break;
      case 'outbound-rtp':
        sum.packetsSent += r.packetsSent ?? 0;
        break;
      case 'remote-inbound-rtp':
        sum.packetsLostRemote += r.packetsLost ?? 0;
        break;
      case 'media-source':
        sum.sourceFps = Math.max(sum.sourceFps, r.framesPerSecond ?? 0);
        break;
      case 'candidate-pair':
        if (r.state === 'succeeded' && typeof r.currentRoundTripTime === 'number') sum.rttMs = r.currentRoundTripTime * 1000;
    }
  }
  return sum;
}
