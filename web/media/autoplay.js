/** Plays sound, and tells while the browser plays none because nobody has clicked yet. */
export class Autoplay {
  #players;
  #onBlocked;
  #blocked = false;

  /**
   * @param {ReadonlyMap<string, HTMLMediaElement>} players  those that are to play now; the caller's
   * @param {(blocked: boolean) => void} onBlocked
   */
  constructor(players, onBlocked) {
    this.#players = players;
    this.#onBlocked = onBlocked;
  }

  /** @param {HTMLMediaElement} player */
  play(player) {
    player.play().then(
      () => this.#set(false),
      (error) => {
        if (error.name === 'NotAllowedError') this.#set(true);
      },
    );
  }

  /** Tries all of them again; to be called from a click. */
  retry() {
    for (const player of this.#players.values()) this.play(player);
  }

  /** Any click or key lets browsers play; then what was refused is tried again. @param {EventTarget} target @param {AbortSignal} signal */
  listen(target, signal) {
    for (const type of ['click', 'keydown']) target.addEventListener(type, () => this.#blocked && this.retry(), { signal });
  }

  /** @param {boolean} blocked */
  #set(blocked) {
    if (this.#blocked === blocked) return;
    this.#blocked = blocked;
    this.#onBlocked(blocked);
  }
}
