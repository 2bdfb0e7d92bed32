/** Plays what the others say, on a page that is not ours: one hidden `<audio>` for each m-line. */

import { Autoplay } from '../media/autoplay.js';

export class Playback {
  #document;
  /** @type {Map<string, HTMLAudioElement>} by mid */
  #players = new Map();
  #ended = new AbortController();
  #autoplay;

  /** @param {Document} document @param {(blocked: boolean) => void} onBlocked */
  constructor(document, onBlocked) {
    this.#document = document;
    this.#autoplay = new Autoplay(this.#players, onBlocked);
    this.#autoplay.listen(document, this.#ended.signal);
  }

  /** Plays exactly these. @param {ReadonlyMap<string, MediaStream>} streams  by mid; those without sound are left out */
  show(streams) {
    for (const [mid, player] of this.#players) {
      if (streams.get(mid) === player.srcObject) continue;
      player.srcObject = null;
      player.remove();
      this.#players.delete(mid);
    }
    for (const [mid, stream] of streams) {
      if (this.#players.has(mid) || stream.getAudioTracks().length === 0) continue;
      const player = this.#document.createElement('audio');
      player.hidden = true;
      player.autoplay = true;
      player.srcObject = stream;
      this.#players.set(mid, player);
      this.#document.body.append(player);
      this.#autoplay.play(player);
    }
  }

  /** Tries to play again what the browser has refused; to be called from a click. */
  start() {
    this.#autoplay.retry();
  }

  stop() {
    this.#ended.abort();
    this.show(new Map());
  }
}
