/** What the server is told about ourselves: devices, hand, quality and name. */

/** @typedef {import('./messages.js').Source} Source */
/** @typedef {import('./messages.js').StateUpdate} StateUpdate */

export class OwnState {
  #send;
  #devices = { microphone: false, camera: false };
  #hand = false;
  #quality = 0;
  /** A name that was chosen while nothing could be sent. */
  #newName = '';

  /** @param {(update: StateUpdate) => boolean} send  false: not sent */
  constructor(send) {
    this.#send = send;
  }

  /** @param {{microphone: boolean, camera: boolean}} on */
  setDevices({ microphone, camera }) {
    if (microphone === this.#devices.microphone && camera === this.#devices.camera) return;
    this.#devices = { microphone, camera };
    this.#send(this.#devices);
  }

  /** @param {boolean} hand */
  setHand(hand) {
    this.#hand = hand;
    this.#send({ hand });
  }

  /** @param {number} quality  1 (unusable) to 5 (perfect); 0: unknown */
  setQuality(quality) {
    if (quality === this.#quality) return;
    this.#quality = quality;
    this.#send({ quality });
  }

  /** @param {string} username */
  rename(username) {
    this.#newName = this.#send({ username }) ? '' : username;
  }

  /**
   * Says everything: to a server that knows nothing, or after what was said last may have been lost.
   *
   * @param {readonly Source[]} muted  what a moderator has turned off: it is off, and saying otherwise would end that
   */
  introduce(muted) {
    const off = (/** @type {'microphone'|'camera'} */ source) => this.#devices[source] && !muted.includes(source);
    this.#devices = { microphone: off('microphone'), camera: off('camera') };
    const name = this.#newName ? { username: this.#newName } : {};
    this.#newName = '';
    const quality = this.#quality > 0 ? { quality: this.#quality } : {};
    this.#send({ ...this.#devices, hand: this.#hand, ...quality, ...name });
  }

  /** Says again what has been said: anything we send makes the server offer again. */
  nudge() {
    this.#send(this.#devices);
  }

  /** Another visit, or none. @param {boolean} [hand] as an earlier life of the page had it */
  reset(hand = false) {
    this.#hand = hand;
    this.#quality = 0;
    this.#newName = '';
  }
}
