/**
 * All of a visit that is media: the PeerConnection, its repair, and what is
 * known about how well it goes. Asks its owner to send messages; knows no socket.
 */

import { PeerLink } from './peerlink.js';
import { Repair } from './repair.js';
import { Retry } from './retry.js';
import { Uplink } from './uplink.js';

/** @typedef {import('../protocol/messages.js').Source} Source */
/**
 * @typedef {object} MediaState
 * @property {import('./peerlink.js').LinkState} media
 * @property {boolean} mediaTrouble  it could not be connected at all, and is being tried again
 * @property {ReadonlyMap<string, MediaStream>} streams  remote tracks by mid
 * @property {number|null} uplink  1 (unusable) to 5 (perfect): how well we reach the server; null: unknown
 */

/**
 * @typedef {object} MediaOptions
 * @property {boolean} webrtc  false: there is no media at all
 * @property {(event: 'answer'|'candidate'|'restart', data?: any, extra?: Record<string, unknown>) => boolean} send  false: not sent
 * @property {() => Promise<boolean>} alive  whether the server still answers over the socket
 * @property {() => void} nudge  sends anything, for which the server offers again
 * @property {(change: Partial<MediaState>) => void} onChange
 * @property {(mark: string) => void} onMark
 * @property {(channel: RTCDataChannel) => void} onChannel  the server has opened a data channel
 * @property {() => void} onDropped  the PeerConnection is gone, and its channels with it
 * @property {(configuration: RTCConfiguration) => RTCPeerConnection} [create]
 * @property {import('../sessionstate.js').Clock} clock
 */

export class MediaSide {
  #options;
  #link;
  #repair;
  #retry;
  #uplink = new Uplink();
  /** @type {number|null} */
  #score = null;
  /** @type {RTCIceCandidateInit[]} found while no socket was open */
  #unsent = [];

  /** @param {MediaOptions} options */
  constructor(options) {
    this.#options = options;
    const { clock } = options;
    this.#retry = new Retry(options.nudge, clock);
    this.#repair = new Repair({
      received: () => this.#link.received(),
      alive: options.alive,
      restart: () => options.send('restart'),
      ...clock,
    });
    this.#link = new PeerLink({
      onAnswer: (answer, offerId) => {
        options.send('answer', answer, offerId ? { offer_id: offerId } : {});
        options.onMark('answer');
      },
      onCandidate: (candidate) => {
        if (!options.send('candidate', candidate)) this.#unsent.push(candidate);
      },
      onReceivers: () => options.onChange({ streams: this.#link.receivers }),
      onState: (state) => this.#linkState(state),
      onFailed: () => this.#repair.now(),
      onChannel: options.onChannel,
      onDropped: options.onDropped,
      onReports: (reports) => this.#reports(reports),
      onError: (error) => console.warn('aq: media negotiation:', error),
      ...(options.create && { create: options.create }),
      ...clock,
    });
    this.#prepare();
  }

  /** The PeerConnection is there, and the server may know it. @returns {boolean} */
  get alive() {
    return this.#link.alive;
  }

  /** @returns {Promise<RTCStatsReport|null>} */
  stats() {
    return this.#link.stats();
  }

  /** @param {Source} source @param {MediaStreamTrack|null} track */
  setTrack(source, track) {
    this.#link.setTrack(source, track);
  }

  /** Whether the camera is sent at half its size at most. @param {boolean} saving */
  setSaving(saving) {
    this.#link.setSaving(saving);
  }

  /** @param {import('../protocol/messages.js').PublishEntry[]} entries */
  setPublish(entries) {
    this.#link.setPublish(entries);
  }

  /** @param {import('../protocol/messages.js').LayerEntry[]} layers */
  setLayers(layers) {
    this.#link.setLayers(layers);
  }

  /** @param {RTCSessionDescriptionInit} description @param {number} offerId */
  offer(description, offerId) {
    this.#options.onMark('offer');
    if (this.#options.webrtc) this.#link.offer(description, offerId);
  }

  /** @param {RTCIceCandidateInit} candidate */
  candidate(candidate) {
    this.#link.candidate(candidate);
  }

  /** @param {import('../protocol/messages.js').Welcome} welcome */
  welcome({ resumed, iceServers }) {
    if (!resumed && this.#link.alive) this.#link.drop();
    this.#link.configure(iceServers);
    this.#prepare();
    if (!resumed) this.#unsent = [];
  }

  /** The server knows us again: what could not be sent meanwhile goes out. */
  goOn() {
    for (const candidate of this.#unsent.splice(0)) this.#options.send('candidate', candidate);
    this.#repair.now();
  }

  /** Something may be wrong: looked into at once. @param {boolean} trouble  as in MediaState */
  doubt(trouble) {
    this.#link.doubt();
    this.#repair.now();
    if (trouble) this.#retry.now();
  }

  /** The server has given the PeerConnection up: it never connected. */
  givenUp() {
    this.#link.drop();
    this.#link.prepare();
    this.#repair.stop();
    this.#unsent = [];
    this.#options.onChange({ mediaTrouble: true });
    this.#retry.failed();
  }

  /** The visit is over. */
  end() {
    this.#repair.stop();
    this.#retry.stop();
    this.#link.drop();
    this.#prepare();
    this.#unsent = [];
  }

  #prepare() {
    if (this.#options.webrtc) this.#link.prepare();
  }

  /** @param {import('./peerlink.js').LinkState} media */
  #linkState(media) {
    if (media !== 'connected') this.#uplink.reset(this.#options.clock.now());
    if (media === 'connected') {
      this.#options.onMark('connected');
      this.#repair.stop();
      this.#retry.succeeded();
      this.#options.onChange({ media, mediaTrouble: false });
      return;
    }
    if (media === 'lost') this.#repair.start();
    else if (media === 'new') this.#repair.stop();
    this.#options.onChange({ media });
  }

  /** @param {any[]} reports */
  #reports(reports) {
    this.#uplink.add(reports, this.#options.clock.now());
    if (this.#uplink.score === this.#score) return;
    this.#score = this.#uplink.score;
    this.#options.onChange({ uplink: this.#score });
  }
}
