/** Plays what the others say, on a page that is not ours: one hidden `<audio>` for each m-line. */

export class Playback {
  #document;
  #onBlocked;
  /** @type {Map<string, HTMLAudioElement>} by mid */
  #players = new Map();
  #blocked = false;
  #ended = new AbortController();

  /** @param {Document} document @param {(blocked: boolean) => void} onBlocked */
  constructor(document, onBlocked) {
    this.#document = document;
    this.#onBlocked = onBlocked;
    // Any click or key lets browsers play; then what was refused is tried again.
    const retry = () => {
      if (this.#blocked) this.start();
    };
    for (const type of ['click', 'keydown']) document.addEventListener(type, retry, { signal: this.#ended.signal });
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
      this.#play(player);
    }
  }

  /** Tries to play again what the browser has refused; to be called from a click. */
  start() {
    for (const player of this.#players.values()) this.#play(player);
  }

  stop() {
    this.#ended.abort();
    this.show(new Map());
  }

  /** @param {HTMLAudioElement} player */
  #play(player) {
    player.play().then(
      () => this.#setBlocked(false),
      (error) => {
        if (error.name === 'NotAllowedError') this.#setBlocked(true);
      },
    );
  }

  /** @param {boolean} blocked */
  #setBlocked(blocked) {
    if (this.#blocked === blocked) return;
    this.#blocked = blocked;
    this.#onBlocked(blocked);
  }
}
