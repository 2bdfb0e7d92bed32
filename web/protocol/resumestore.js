/**
 * Remembers the resume token of this tab, so that a page that crashed or was
 * discarded by the browser comes back as the same person.
 *
 * A duplicated tab gets a copy of sessionStorage; were it to use the token, the
 * first tab would be thrown out (4009). So a tab that is in a room holds a Web
 * Lock, and a token whose lock is held elsewhere is left alone.
 */

const KEY = 'aq-resume';

/** @typedef {{room: string, username: string, token: string, peerId: string}} Stored */

export class ResumeStore {
  #storage;
  #locks;
  #lockName = '';
  /** @type {(() => void)|null} */
  #release = null;

  /**
   * @param {Pick<Storage, 'getItem'|'setItem'|'removeItem'>|undefined} storage
   * @param {Pick<LockManager, 'request'>|undefined} locks  without locks (an insecure context) nothing is remembered
   */
  constructor(storage, locks) {
    this.#storage = storage;
    this.#locks = locks;
  }

  /** @param {Stored} entry */
  save(entry) {
    if (!this.#locks) return;
    this.#hold(`aq-peer-${entry.peerId}`);
    try {
      this.#storage?.setItem(KEY, JSON.stringify(entry));
    } catch {
      // Storage may be full or forbidden; then this tab cannot resume after a crash, which is all.
    }
  }

  /** Forgets the token: the person left. */
  clear() {
    this.#release?.();
    this.#release = null;
    this.#lockName = '';
    try {
      this.#storage?.removeItem(KEY);
    } catch {
      // Nothing was stored where storing is forbidden.
    }
  }

  /**
   * The token left behind by an earlier life of this tab, if it may be used.
   *
   * @param {string} room
   * @param {string} username
   * @returns {Promise<string>} empty if there is none
   */
  async take(room, username) {
    const entry = this.#read();
    if (!this.#locks || !entry || entry.room !== room || entry.username !== username) return '';
    return this.#locks.request(`aq-peer-${entry.peerId}`, { ifAvailable: true }, (lock) => (lock ? entry.token : ''));
  }

  /** @returns {Stored|null} */
  #read() {
    try {
      return JSON.parse(this.#storage?.getItem(KEY) ?? 'null');
    } catch {
      return null;
    }
  }

  /** @param {string} name */
  #hold(name) {
    if (this.#lockName === name) return;
    this.#release?.();
    this.#lockName = name;
    const held = new Promise((resolve) => {
      this.#release = () => resolve(undefined);
    });
    this.#locks?.request(name, () => held).catch(() => {
      // The browser drops lock requests of a page that is going away.
    });
  }
}
