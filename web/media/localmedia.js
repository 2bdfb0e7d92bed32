/**
 * The person's own microphone, camera and screen: opened, muted, changed and
 * closed here. No DOM elements. Muting the microphone keeps the device open
 * (a word must not be lost while it starts again); switching the camera off
 * closes it, so that its light goes out.
 */

import { blur, canBlur, listDevices, NO_DEVICES, openBoth, openDevice, permission, problemOf, process, PROCESSED } from './devices.js';

/** @typedef {import('./devices.js').DeviceKind} DeviceKind */
/** @typedef {import('./devices.js').DeviceProblem} DeviceProblem */
/** @typedef {import('../protocol/messages.js').Source} Source */

/**
 * @typedef {object} LocalState
 * @property {{microphone: boolean, camera: boolean, screen: boolean}} on   what others can hear and see
 * @property {{microphone: DeviceProblem|null, camera: DeviceProblem|null}} problems
 * @property {boolean} asking   a device is being opened; perhaps the browser shows its prompt
 * @property {import('./devices.js').DeviceList} devices
 * @property {{microphone: string, camera: string}} chosen   device ids; empty: the default
 * @property {import('./devices.js').Processing} processing  of the microphone's sound
 * @property {boolean} blur      what is behind the person is to be blurred
 * @property {boolean} canBlur   the open camera can
 */

/**
 * @typedef {object} LocalOptions
 * @property {() => void} onChange   the state changed
 * @property {(source: Source, track: MediaStreamTrack|null) => void} onTrack  a source's track was opened, replaced or closed
 * @property {{microphone: string, camera: string}} [chosen]
 * @property {import('./devices.js').Processing} [processing]
 * @property {boolean} [blur]
 * @property {MediaDevices} [media]
 * @property {boolean} [secure]
 */

/**
 * How it begins: nothing is open.
 *
 * @param {Pick<LocalOptions, 'chosen'|'processing'|'blur'>} options
 * @returns {LocalState}
 */
export function closedState({ chosen = { microphone: '', camera: '' }, processing = PROCESSED, blur = false }) {
  return {
    on: { microphone: false, camera: false, screen: false },
    problems: { microphone: null, camera: null },
    asking: false,
    devices: NO_DEVICES,
    chosen,
    processing,
    blur,
    canBlur: false,
  };
}

export class LocalMedia {
  #options;
  #media;
  /** @type {Map<Source, MediaStreamTrack>} */
  #tracks = new Map();
  /** @type {LocalState} */
  #state;
  #opening = 0;
  /** The last switch of each device wins over one that is still opening. */
  #wanted = { microphone: false, camera: false };
  /** The last change of the sound that was asked for. */
  #processed = Promise.resolve();
  /** @type {MediaStream|null} */
  #cameraStream = null;
  /** @type {MediaStream|null} */
  #screenStream = null;

  /** @param {LocalOptions} options */
  constructor(options) {
    this.#options = options;
    this.#media = options.media ?? globalThis.navigator?.mediaDevices;
    this.#state = closedState(options);
    this.#media?.addEventListener?.('devicechange', () => this.refresh());
  }

  /** @returns {LocalState} */
  get state() {
    return this.#state;
  }

  /** @param {Source} source @returns {MediaStreamTrack|null} */
  track(source) {
    return this.#tracks.get(source) ?? null;
  }

  /** The camera for a `<video>`; the same object as long as the track is the same. @returns {MediaStream|null} */
  get cameraStream() {
    return this.#cameraStream;
  }

  /** @returns {MediaStream|null} */
  get screenStream() {
    return this.#screenStream;
  }

  /** The devices in use, or else those that would be. @returns {{microphone: string, camera: string}} ids */
  get current() {
    /** @param {DeviceKind} kind */
    const id = (kind) => this.track(kind)?.getSettings().deviceId ?? this.#state.chosen[kind];
    return { microphone: id('microphone'), camera: id('camera') };
  }

  /** Reads the list of devices again. */
  async refresh() {
    const devices = await listDevices(this.#media).catch(() => NO_DEVICES);
    this.#update({ devices });
  }

  /** Opens what may be opened without a prompt. @param {{microphone: boolean, camera: boolean}} wanted */
  async openGranted(wanted) {
    const [microphone, camera] = await Promise.all([permission('microphone'), permission('camera')]);
    await this.open({
      microphone: wanted.microphone && microphone === 'granted',
      camera: wanted.camera && camera === 'granted',
    });
  }

  /**
   * Opens what is wanted and not open yet; where both are, with one prompt.
   *
   * @param {{microphone: boolean, camera: boolean}} wanted
   */
  async open(wanted) {
    const microphone = wanted.microphone && !this.track('microphone');
    const camera = wanted.camera && !this.track('camera');
    if (microphone) this.#wanted.microphone = true;
    if (camera) this.#wanted.camera = true;
    if (microphone && camera && this.#media) {
      const { chosen, processing } = this.#state;
      const both = await this.#busy(() => openBoth(chosen.microphone, chosen.camera, this.#media, processing)).catch(() => null);
      if (both) {
        this.#opened('microphone', both.microphone);
        this.#opened('camera', both.camera);
        return;
      }
    }
    // One of the two may still work; each names its own problem.
    if (microphone) await this.#open('microphone');
    if (camera) await this.#open('camera');
  }

  /** @param {boolean} on */
  async setMicrophone(on) {
    this.#wanted.microphone = on;
    const track = this.track('microphone');
    if (track) {
      track.enabled = on;
      this.#setOn('microphone', on);
    } else if (on) {
      await this.#open('microphone');
    }
  }

  /** @param {boolean} on */
  async setCamera(on) {
    this.#wanted.camera = on;
    if (!on) {
      this.#close('camera');
    } else if (!this.track('camera')) {
      await this.#open('camera');
    }
  }

  /**
   * Changes a device, at once if it is open.
   *
   * @param {DeviceKind} kind
   * @param {string} id
   */
  async choose(kind, id) {
    this.#update({ chosen: { ...this.#state.chosen, [kind]: id } });
    const old = this.track(kind);
    if (!old) return;
    // Phones cannot open their second camera while the first is open.
    if (kind === 'camera') old.stop();
    await this.#open(kind);
    if (this.track(kind) === old && old.readyState === 'ended') this.#close(kind);
  }

  /**
   * Changes what the browser does to the microphone's sound, at once if it is open.
   *
   * @param {Partial<import('./devices.js').Processing>} change
   */
  setProcessing(change) {
    this.#update({ processing: { ...this.#state.processing, ...change } });
    // One after the other: which of two openings ends last is not to decide.
    this.#processed = this.#processed.then(() => this.#process());
    return this.#processed;
  }

  async #process() {
    const track = this.track('microphone');
    if (track && !(await process(track, this.#state.processing)) && this.track('microphone') === track) await this.#open('microphone');
  }

  /** Blurs what is behind the person, where the platform can. @param {boolean} on */
  async setBlur(on) {
    this.#update({ blur: on });
    const camera = this.track('camera');
    if (canBlur(camera) && camera) await blur(camera, on);
  }

  /**
   * Shares the screen, with its sound where that is wanted and the browser gives it.
   *
   * @param {{hint?: 'detail'|'motion', sound?: boolean}} [how]  hint: as for setScreenHint
   * @returns {Promise<DeviceProblem|null>} `denied` also when the person closed the picker
   */
  async startScreen({ hint = 'detail', sound = true } = {}) {
    /** @type {MediaStream} */
    let stream;
    try {
      stream = await this.#media.getDisplayMedia({
        video: { frameRate: { ideal: 30, max: 30 } },
        audio: sound && { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
    } catch (error) {
      return problemOf(error);
    }
    this.stopScreen();
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    video.contentHint = hint;
    video.addEventListener('ended', () => {
      if (this.track('screen') === video) this.stopScreen();
    });
    this.#screenStream = new MediaStream([video]);
    this.#put('screen', video);
    if (audio) this.#put('screen_audio', audio);
    this.#setOn('screen', true);
    return null;
  }

  /**
   * What the screen is optimised for; while it is shared as well.
   *
   * @param {'detail'|'motion'} hint  text that has to be sharp, or a film that has to be fluent
   */
  setScreenHint(hint) {
    const track = this.track('screen');
    if (!track || track.contentHint === hint) return;
    track.contentHint = hint;
    // Whoever sends it has to know as well.
    this.#options.onTrack('screen', track);
  }

  stopScreen() {
    if (!this.track('screen')) return;
    this.#screenStream = null;
    for (const source of /** @type {const} */ (['screen', 'screen_audio'])) {
      const track = this.track(source);
      if (track) this.#remove(source, track);
    }
    this.#setOn('screen', false);
  }

  /** Closes everything. */
  stop() {
    this.stopScreen();
    this.#wanted = { microphone: false, camera: false };
    this.#close('microphone');
    this.#close('camera');
  }

  /** @param {DeviceKind} kind */
  async #open(kind) {
    if (!this.#media?.getUserMedia) {
      this.#problem(kind, this.#options.secure === false ? 'insecure' : 'unsupported');
      return;
    }
    try {
      this.#opened(kind, await this.#busy(() => openDevice(kind, this.#state.chosen[kind], this.#media, this.#state.processing)));
    } catch (error) {
      this.#problem(kind, problemOf(error));
    }
  }

  /** @param {DeviceKind} kind @param {MediaStreamTrack} track */
  #opened(kind, track) {
    if (!this.#wanted[kind] && kind === 'camera') {
      track.stop();
      return;
    }
    const old = this.track(kind);
    track.enabled = this.#wanted[kind];
    track.addEventListener('ended', () => this.#ended(kind, track));
    if (kind === 'camera') {
      track.contentHint = 'motion';
      this.#cameraStream = new MediaStream([track]);
      this.#update({ canBlur: canBlur(track) });
      // The platform may have it on from elsewhere: this page's switch says how it is here.
      if (this.#state.canBlur) blur(track, this.#state.blur);
    }
    this.#update({ problems: { ...this.#state.problems, [kind]: null } });
    this.#put(kind, track);
    if (old) old.stop();
    this.#setOn(kind, this.#wanted[kind]);
    this.refresh();
  }

  /** The device was unplugged or taken away: go on with another one, if there is one. @param {DeviceKind} kind @param {MediaStreamTrack} track */
  async #ended(kind, track) {
    if (this.track(kind) !== track) return;
    const wanted = this.#wanted[kind];
    this.#close(kind);
    this.#wanted[kind] = wanted;
    this.#update({ chosen: { ...this.#state.chosen, [kind]: '' } });
    await this.refresh();
    if (wanted) await this.#open(kind);
  }

  /** @param {DeviceKind} kind */
  #close(kind) {
    const track = this.track(kind);
    if (kind === 'camera') {
      this.#cameraStream = null;
      if (this.#state.canBlur) this.#update({ canBlur: false });
    }
    if (track) this.#remove(kind, track);
    this.#setOn(kind, false);
  }

  /** @param {Source} source @param {MediaStreamTrack} track */
  #put(source, track) {
    this.#tracks.set(source, track);
    this.#options.onTrack(source, track);
  }

  /** @param {Source} source @param {MediaStreamTrack} track */
  #remove(source, track) {
    this.#tracks.delete(source);
    track.stop();
    this.#options.onTrack(source, null);
  }

  /** @param {DeviceKind} kind @param {DeviceProblem} problem */
  #problem(kind, problem) {
    if (!this.track(kind)) this.#wanted[kind] = false;
    this.#update({ problems: { ...this.#state.problems, [kind]: problem } });
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async #busy(work) {
    this.#opening += 1;
    this.#update({ asking: true });
    try {
      return await work();
    } finally {
      this.#opening -= 1;
      this.#update({ asking: this.#opening > 0 });
    }
  }

  /** @param {'microphone'|'camera'|'screen'} what @param {boolean} on */
  #setOn(what, on) {
    if (this.#state.on[what] !== on) this.#update({ on: { ...this.#state.on, [what]: on } });
  }

  /** @param {Partial<LocalState>} change */
  #update(change) {
    this.#state = { ...this.#state, ...change };
    this.#options.onChange();
  }
}
