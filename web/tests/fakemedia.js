/** Fakes of the browser's media objects, as far as the page uses them. */

export class FakeTrack extends EventTarget {
  enabled = true;
  /** @type {'live'|'ended'} */
  readyState = 'live';
  contentHint = '';

  /** @param {'audio'|'video'} kind @param {string} [deviceId] */
  constructor(kind, deviceId = `${kind}-default`) {
    super();
    this.kind = kind;
    this.deviceId = deviceId;
  }

  /** What the browser does to the sound, and whether it can change that while the device is open. @type {any} */
  processing = {};
  changeable = true;

  getSettings() {
    return { deviceId: this.deviceId, ...this.processing };
  }

  getConstraints() {
    return { deviceId: { exact: this.deviceId } };
  }

  /** @param {any} constraints */
  async applyConstraints(constraints) {
    const { deviceId: _deviceId, ...processing } = constraints;
    if (this.changeable) this.processing = processing;
  }

  stop() {
    this.readyState = 'ended';
  }

  /** The device was unplugged. */
  unplug() {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

export class FakeStream {
  /** @param {FakeTrack[]} tracks */
  constructor(tracks) {
    this.tracks = tracks;
  }

  getTracks() {
    return this.tracks;
  }

  getAudioTracks() {
    return this.tracks.filter((t) => t.kind === 'audio');
  }

  getVideoTracks() {
    return this.tracks.filter((t) => t.kind === 'video');
  }
}

class FakeSender {
  /** @type {FakeTrack|null} */
  track = null;
  /** @type {any} */
  parameters;
  busy = false;

  /** @param {string[]} rids */
  constructor(rids) {
    this.parameters = { encodings: rids.length > 0 ? rids.map((rid) => ({ rid, active: true })) : [{ active: true }] };
  }

  /** @param {FakeTrack|null} track */
  async replaceTrack(track) {
    this.track = track;
  }

  getParameters() {
    return structuredClone(this.parameters);
  }

  /** Browsers refuse a second change before the first is done. @param {any} parameters */
  async setParameters(parameters) {
    if (this.busy) throw new Error('setParameters overlaps');
    this.busy = true;
    await Promise.resolve();
    this.parameters = parameters;
    this.busy = false;
  }
}

/** A PeerConnection that makes the m-lines that the "SDP" names: JSON of [{mid, kind, rids?, sends?}]. */
export class FakePeerConnection {
  /** @type {any[]} */
  transceivers = [];
  /** @type {any} */
  remoteDescription = null;
  /** @type {any} */
  localDescription = null;
  connectionState = 'new';
  /** @type {any[]} */
  candidates = [];
  /** @type {any} */
  onicecandidate = null;
  /** @type {any} */
  ontrack = null;
  /** @type {any} */
  onconnectionstatechange = null;

  /** @param {any} description */
  async setRemoteDescription(description) {
    await Promise.resolve();
    if (description.sdp === 'bad') throw new Error('bad sdp');
    this.remoteDescription = description;
    for (const line of JSON.parse(description.sdp.split('\r\n')[0])) {
      if (this.transceivers.some((t) => t.mid === line.mid)) continue;
      const transceiver = { mid: line.mid, direction: 'recvonly', sender: new FakeSender(line.rids ?? []), receiver: { track: new FakeTrack(line.kind) } };
      this.transceivers.push(transceiver);
      if (line.sends) this.ontrack?.({ track: transceiver.receiver.track, transceiver });
    }
  }

  async setLocalDescription() {
    await Promise.resolve();
    this.localDescription = { type: 'answer', sdp: this.transceivers.map((t) => `${t.mid}:${t.direction}`).join(' ') };
  }

  getTransceivers() {
    return this.transceivers;
  }

  /** @param {any} candidate */
  async addIceCandidate(candidate) {
    this.candidates.push(candidate);
  }

  setConfiguration() {}

  /** Bytes that have come on the selected pair. */
  arrived = 0;
  requests = 0;

  async getStats() {
    return new Map([
      ['T', { id: 'T', type: 'transport', selectedCandidatePairId: 'P' }],
      ['P', { id: 'P', type: 'candidate-pair', bytesReceived: this.arrived, responsesReceived: 0, requestsSent: this.requests, consentRequestsSent: 0 }],
    ]);
  }

  close() {
    this.connectionState = 'closed';
  }

  /** @param {string} state */
  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}
