/**
 * The one RTCPeerConnection to the server. The server makes every offer; this
 * answers at once and gives each of our tracks to the transceiver that the
 * offer made for it, whenever the track is ready: before the offer, between
 * offer and answer, or minutes later. No DOM elements.
 *
 * Why not addTrack: Chromium answers a simulcast m-line with `inactive` when
 * the track was added before the offer was applied.
 */

import { arrivedOf, Pulse, readingOf } from './pulse.js';
import { shapeEncodings } from './sending.js';

/** @typedef {import('../protocol/messages.js').Source} Source */
/** @typedef {import('../protocol/messages.js').PublishEntry} PublishEntry */
/**
 * `lost`: the browser says so, or nothing arrives any more although something should.
 *
 * @typedef {'new'|'connecting'|'connected'|'lost'} LinkState
 */

/** So many candidates are kept for a description that has not come yet. */
const EARLY_KEPT = 50;

/**
 * @typedef {object} PeerLinkOptions
 * @property {(answer: RTCSessionDescriptionInit, offerId: number) => void} onAnswer
 * @property {(candidate: RTCIceCandidateInit) => void} onCandidate
 * @property {() => void} onReceivers  the map of receivers changed
 * @property {(state: LinkState) => void} onState
 * @property {(error: unknown) => void} onError   an offer could not be applied
 * @property {(channel: RTCDataChannel) => void} [onChannel]  the server has opened a data channel
 * @property {() => void} [onDropped]             the connection is gone, and its channels with it
 * @property {() => void} [onFailed]              the browser has given the path up: only a restart brings it back
 * @property {(reports: any[]) => void} [onReports]  the browser's reports, about once a second while connected
 * @property {(configuration: RTCConfiguration) => RTCPeerConnection} [create]
 * @property {(run: () => void, ms: number) => any} [setTimer]
 * @property {(timer: any) => void} [clearTimer]
 * @property {() => number} [now]
 */

export class PeerLink {
  #options;
  /** @type {RTCPeerConnection|null} */
  #pc = null;
  /** The offer that the connection was given last, and our answer once it is out. @type {{id: number, sdp: string|undefined, answer: RTCSessionDescriptionInit|null}|null} */
  #offered = null;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** @type {LinkState} */
  #state = 'new';
  /** @type {Promise<void>} offers are applied one after the other */
  #chain = Promise.resolve();
  /** @type {RTCIceCandidateInit[]} that came before their description, the newest last */
  #early = [];
  #pulse;
  #silent = false;
  /** @type {Map<string, MediaStream>} by mid */
  #receivers = new Map();
  /** @type {Map<Source, MediaStreamTrack|null>} */
  #local = new Map();
  /** @type {PublishEntry[]} */
  #publish = [];
  /** @type {Map<string, string[]|null>} rids somebody watches, by mid */
  #watched = new Map();
  #saving = false;
  /** @type {WeakMap<RTCRtpSender, Promise<void>>} setParameters must not overlap */
  #shaping = new WeakMap();

  /** @param {PeerLinkOptions} options */
  constructor(options) {
    this.#options = {
      create: (/** @type {RTCConfiguration} */ configuration) => new RTCPeerConnection(configuration),
      setTimer: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
      clearTimer: (/** @type {any} */ timer) => clearTimeout(timer),
      now: () => Date.now(),
      ...options,
    };
    const { setTimer, clearTimer, now } = this.#options;
    this.#pulse = new Pulse({
      read: async () => readingOf(await this.#reports()),
      sending: () => this.#publish.some((entry) => this.#local.get(entry.source)),
      onSilent: (silent) => {
        this.#silent = silent;
        if (this.#pc) this.#judge(this.#pc);
      },
      setTimer,
      clearTimer,
      now,
    });
  }

  /** @returns {LinkState} */
  get state() {
    return this.#state;
  }

  /** Remote tracks by mid, each in a stream of its own. @returns {ReadonlyMap<string, MediaStream>} */
  get receivers() {
    return this.#receivers;
  }

  /** Whether a connection exists that a resumed session can go on with. @returns {boolean} */
  get alive() {
    return this.#pc !== null && this.#pc.remoteDescription !== null && this.#pc.connectionState !== 'closed';
  }

  /** Makes the connection before it is needed: this takes some 15 ms off the first frame. */
  prepare() {
    this.#pc ??= this.#make();
  }

  /** @param {RTCIceServer[]} iceServers */
  configure(iceServers) {
    if (JSON.stringify(iceServers) === JSON.stringify(this.#iceServers)) return;
    this.#iceServers = iceServers;
    this.#pc?.setConfiguration(this.#configuration());
  }

  /**
   * Applies an offer and answers it. One that comes again, because the server
   * has not had the answer, gets the same answer again.
   *
   * @param {RTCSessionDescriptionInit} description
   * @param {number} offerId  1 begins a new connection
   * @returns {Promise<void>} settles when the answer is out; never rejects
   */
  offer(description, offerId) {
    const again = this.#offered?.id === offerId && this.#offered.sdp === description.sdp;
    if (offerId === 1 && this.#offered && !again) this.drop();
    this.prepare();
    if (!again) this.#offered = { id: offerId, sdp: description.sdp, answer: null };
    const [pc, offered] = [this.#pc, this.#offered];
    this.#chain = this.#chain.then(async () => {
      if (!pc || this.#pc !== pc) return;
      try {
        if (again && offered?.answer) this.#options.onAnswer(offered.answer, offerId);
        else await this.#answer(pc, description, offerId);
      } catch (error) {
        if (this.#pc === pc) this.#options.onError(error);
      }
    });
    return this.#chain;
  }

  /**
   * Takes a candidate, in whatever order it comes with the descriptions. After
   * an ICE restart it may be one of the generation to come, which browsers
   * refuse before its description is there, or of one that is over.
   *
   * @param {RTCIceCandidateInit} candidate
   */
  candidate(candidate) {
    const description = this.#pc?.remoteDescription;
    if (!this.#pc || !description || !belongs(candidate, description)) {
      this.#early = [...this.#early, candidate].slice(-EARLY_KEPT);
      return;
    }
    this.#pc.addIceCandidate(candidate).catch(() => undefined);
  }

  /** @param {PublishEntry[]} entries the m-lines that await our tracks */
  setPublish(entries) {
    this.#publish = entries;
    this.#attachAll();
  }

  /** @param {Source} source @param {MediaStreamTrack|null} track */
  setTrack(source, track) {
    this.#local.set(source, track);
    this.#attachAll();
  }

  /** @param {import('../protocol/messages.js').LayerEntry[]} entries */
  setLayers(entries) {
    for (const entry of entries) this.#watched.set(entry.mid, entry.rids);
    this.#attachAll();
  }

  /** Whether the camera is sent at half its size at most. @param {boolean} saving */
  setSaving(saving) {
    if (this.#saving === saving) return;
    this.#saving = saving;
    this.#attachAll();
  }

  /** Forgets the connection; the next offer begins a new one. */
  drop() {
    this.#pc?.close();
    this.#options.onDropped?.();
    this.#pc = null;
    // Browsers never settle what was under way on a connection that is closed (WebRTC 1.0, section
    // 4.4.1.2, the chain of operations): the next connection must not wait for it.
    this.#chain = Promise.resolve();
    this.#offered = null;
    this.#early = [];
    this.#pulse.stop();
    this.#silent = false;
    this.#watched.clear();
    this.#receivers = new Map();
    this.#options.onReceivers();
    this.#become('new');
  }

  /** @returns {Promise<RTCStatsReport|null>} */
  async stats() {
    return this.alive && this.#pc ? this.#pc.getStats() : null;
  }

  /** Something speaks against the path, as a change of network: silence is believed sooner. */
  doubt() {
    this.#pulse.doubt();
  }

  /** A count that grows with whatever arrives. @returns {Promise<number>} */
  async received() {
    return this.#pc ? arrivedOf((await this.#pc.getStats()).values()) : 0;
  }

  async #reports() {
    const reports = this.#pc ? [...(await this.#pc.getStats()).values()] : [];
    this.#options.onReports?.(reports);
    return reports;
  }

  #configuration() {
    return /** @type {RTCConfiguration} */ ({ iceServers: this.#iceServers, bundlePolicy: 'max-bundle' });
  }

  #make() {
    const pc = this.#options.create(this.#configuration());
    pc.onicecandidate = ({ candidate }) => {
      if (candidate && this.#pc === pc) this.#options.onCandidate(candidate.toJSON());
    };
    pc.ontrack = ({ track, transceiver }) => {
      if (this.#pc !== pc || transceiver.mid === null) return;
      if (this.#receivers.get(transceiver.mid)?.getTracks()[0] === track) return;
      this.#receivers = new Map(this.#receivers).set(transceiver.mid, new MediaStream([track]));
      this.#options.onReceivers();
    };
    pc.ondatachannel = ({ channel }) => {
      if (this.#pc === pc) this.#options.onChannel?.(channel);
    };
    pc.onconnectionstatechange = () => {
      if (this.#pc !== pc) return;
      this.#silent = false;
      if (pc.connectionState === 'connected') this.#pulse.start();
      else this.#pulse.stop();
      this.#judge(pc);
      if (pc.connectionState === 'failed') this.#options.onFailed?.();
    };
    return pc;
  }

  /** @param {RTCPeerConnection} pc */
  #judge(pc) {
    this.#become(this.#silent ? 'lost' : linkState(pc.connectionState));
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {RTCSessionDescriptionInit} description
   * @param {number} offerId
   */
  async #answer(pc, description, offerId) {
    await pc.setRemoteDescription(description);
    for (const candidate of this.#early.splice(0)) this.candidate(candidate);
    this.#attachAll();
    await pc.setLocalDescription();
    const local = pc.localDescription;
    if (local && this.#pc === pc) {
      const answer = { type: local.type, sdp: local.sdp };
      if (this.#offered?.id === offerId) this.#offered.answer = answer;
      this.#options.onAnswer(answer, offerId);
    }
    // Browsers forget some encoding parameters that were set before the answer.
    this.#attachAll();
  }

  /** Gives every sender that the server made for us what it should send now. */
  #attachAll() {
    const pc = this.#pc;
    if (!pc) return;
    const byMid = new Map(pc.getTransceivers().map((t) => [t.mid, t]));
    for (const entry of this.#publish) {
      const transceiver = byMid.get(entry.mid);
      if (transceiver && transceiver.direction !== 'stopped') this.#attach(transceiver, entry);
    }
  }

  /** @param {RTCRtpTransceiver} transceiver @param {PublishEntry} entry */
  #attach(transceiver, entry) {
    const { sender } = transceiver;
    if (transceiver.direction !== 'sendonly') transceiver.direction = 'sendonly';
    const track = this.#local.get(entry.source) ?? null;
    if (sender.track !== track) sender.replaceTrack(track).catch((error) => this.#options.onError(error));
    if (entry.kind === 'video') this.#shape(sender, entry);
  }

  /** @param {RTCRtpSender} sender @param {PublishEntry} entry */
  #shape(sender, entry) {
    const before = this.#shaping.get(sender) ?? Promise.resolve();
    const next = before.then(async () => {
      const parameters = sender.getParameters();
      if (!shapeEncodings(parameters, entry.source, this.#watched.get(entry.mid) ?? null, sender.track?.contentHint, this.#saving)) return;
      // The sender may be stopped or renegotiated meanwhile; the next attach shapes it again.
      await sender.setParameters(parameters).catch(() => undefined);
    });
    this.#shaping.set(sender, next);
  }

  /** @param {LinkState} state */
  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onState(state);
  }
}

/**
 * Whether a candidate is of the generation that a description began. One that
 * does not say is taken to be.
 *
 * @param {RTCIceCandidateInit} candidate
 * @param {RTCSessionDescription} description
 */
function belongs(candidate, description) {
  const fragment = candidate.usernameFragment || / ufrag (\S+)/.exec(candidate.candidate ?? '')?.[1];
  return !fragment || description.sdp.split(/\r?\n/).includes(`a=ice-ufrag:${fragment}`);
}

/** @param {RTCPeerConnectionState} state @returns {LinkState} */
function linkState(state) {
  switch (state) {
    case 'connected':
      return 'connected';
    case 'disconnected':
    case 'failed':
      return 'lost';
    case 'connecting':
      return 'connecting';
    default:
      return 'new';
  }
}
