/** Keeps the screen of a phone on during a call, where the browser can. */

export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel|null} */
  #lock = null;

  constructor() {
    // Browsers let the lock go when the page is hidden.
    document.addEventListener('visibilitychange', () => this.#apply());
  }

  /** @param {boolean} wanted */
  set(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#apply();
  }

  async #apply() {
    if (!this.#wanted) {
      await this.#lock?.release().catch(() => undefined);
      this.#lock = null;
    } else if (!document.hidden && (this.#lock?.released ?? true)) {
      // Refused on a low battery; then the screen goes dark as ever.
      this.#lock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null;
      if (!this.#wanted) this.#apply();
    }
  }
}
