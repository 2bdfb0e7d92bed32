/** Plays what the others say: one silent-looking `<audio>` for each m-line. */

import { Autoplay } from '../media/autoplay.js';
import { AqElement, h } from './element.js';

/** @extends {AqElement<{audio: {mid: string, stream: MediaStream}[], speaker: string}>} */
export class AqAudio extends AqElement {
  /** @type {Map<string, HTMLAudioElement>} */
  #players = new Map();
  #autoplay = new Autoplay(this.#players, (blocked) => this.emit('aq-audio-blocked', blocked));

  /** @override */
  build() {
    this.hidden = true;
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#autoplay.listen(document, signal);
  }

  /** @override @param {{audio: {mid: string, stream: MediaStream}[], speaker: string}} model */
  render({ audio, speaker }) {
    const present = new Set(audio.map(({ mid }) => mid));
    for (const [mid, player] of this.#players) {
      if (present.has(mid)) continue;
      player.srcObject = null;
      player.remove();
      this.#players.delete(mid);
    }
    for (const { mid, stream } of audio) {
      let player = this.#players.get(mid);
      if (!player) {
        player = h('audio', { autoplay: true, 'data-testid': 'remote-audio', 'data-mid': mid });
        this.#players.set(mid, player);
        this.append(player);
      }
      if (player.srcObject !== stream) {
        player.srcObject = stream;
        this.#autoplay.play(player);
      }
      this.#route(player, speaker);
    }
  }

  /** Tries to play again; to be called from a click. */
  unblock() {
    this.#autoplay.retry();
  }

  /** @param {HTMLAudioElement} player @param {string} speaker */
  #route(player, speaker) {
    if (typeof player.setSinkId !== 'function' || player.sinkId === speaker) return;
    // The loudspeaker may be gone; then the browser goes on with the default.
    player.setSinkId(speaker).catch(() => undefined);
  }
}

customElements.define('aq-audio', AqAudio);
