/** When to draw: once for all changes, and not in the way of what is more urgent. */

/** Drawing the call takes longer than the offer needs to come; it can wait so long. */
const HOLD_MS = 150;

export class Drawing {
  #run;
  #pending = false;
  #holding = false;

  /** @param {() => void} run  draws */
  constructor(run) {
    this.#run = run;
  }

  /**
   * Draws once for all changes until the next frame. In the background there are
   * no frames, and a timer does it: sound needs its elements there too.
   */
  soon() {
    if (this.#pending || this.#holding) return;
    this.#pending = true;
    const run = () => {
      if (!this.#pending) return;
      this.#pending = false;
      if (!this.#holding) this.#run();
    };
    requestAnimationFrame(run);
    setTimeout(run, 100);
  }

  /** Draws now. */
  now() {
    this.#holding = false;
    this.#run();
  }

  /** Nothing is drawn while the page begins: not the way in, only to take it away again a moment later. */
  hold() {
    this.#holding = true;
  }

  /** Draws later, but no later than the answer: media is on its way while the call is drawn. */
  holdBriefly() {
    this.hold();
    setTimeout(() => this.release(), HOLD_MS);
  }

  release() {
    if (!this.#holding) return;
    this.#holding = false;
    this.soon();
  }
}
