/** Hears whether somebody speaks while nobody can hear him, and whether a microphone gives nothing at all. Pure. */

/** Louder than a room, as levels go (levels.js). */
const VOICE = 0.45;
/** Of the last second so much has to be voice: a cough is not. */
const WINDOW_MS = 1000;
const SHARE = 0.5;
/** Fewer samples than these in a window say nothing: the page sleeps. */
const ENOUGH = 8;
/** Even a quiet room is not silent to a microphone. */
const SILENT_MS = 8000;

/** @typedef {'muted'|'silent'|null} Remark */

export class VoiceWatch {
  /** @type {{at: number, voice: boolean}[]} */
  #window = [];
  #silentSince = 0;
  #told = { muted: false, silent: false };
  #on = false;

  /**
   * To be called some 15 times a second.
   *
   * @param {{level: number, silent: boolean}} heard  silent: not even noise
   * @param {boolean} on   others hear the microphone
   * @param {number} now   milliseconds
   * @returns {Remark} something to say, once: until the microphone was on or off meanwhile
   */
  sample({ level, silent }, on, now) {
    if (on !== this.#on) {
      this.#on = on;
      this.#window = [];
      this.#silentSince = now;
      this.#told.muted = false;
    }
    if (!silent || this.#silentSince === 0) this.#silentSince = now;
    if (!silent) this.#told.silent = false;
    this.#window = [...this.#window, { at: now, voice: level >= VOICE }].filter(({ at }) => now - at < WINDOW_MS);
    if (on && !this.#told.silent && now - this.#silentSince >= SILENT_MS) {
      this.#told.silent = true;
      return 'silent';
    }
    const voices = this.#window.filter(({ voice }) => voice).length;
    if (!on && !this.#told.muted && this.#window.length >= ENOUGH && voices >= this.#window.length * SHARE) {
      this.#told.muted = true;
      return 'muted';
    }
    return null;
  }
}
