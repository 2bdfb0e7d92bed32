/**
 * Remembers that this tab is in a room, so that a page that is loaded again, or
 * crashed, comes back into the call as the same person and without a click.
 *
 * A duplicated tab gets a copy of sessionStorage; were it to use the token, the
 * first tab would be thrown out (4009). So a tab that is in a room holds a Web
 * Lock, and what is remembered counts only for who gets that lock. Where there
 * are no locks (an insecure context), only a page that was reloaded may use it:
 * a duplicate never was.
 */

const KEY = 'aq-resume';
/** Beyond the server's window the same person is not to be had, but the call still is. */
const SLACK_MS = 10000;
/** The page of before may let go of its lock late. */
const LOCK_WAIT_MS = 1000;

/**
 * @typedef {object} Stored
 * @property {string} room
 * @property {string} username
 * @property {string} token
 * @property {string} peerId
 * @property {number} windowMs   how long the server keeps the place
 * @property {number} at         when this was true, in milliseconds since 1970
 * @property {{microphone: boolean, camera: boolean, screen: boolean}} on
 * @property {boolean} hand
 * @property {string} lastChat   id of the last chat message that was shown
 * @property {string[]} pendingChat
 */

/**
 * Whether this tab has left a visit behind, however old.
 *
 * @param {Pick<Storage, 'getItem'>|undefined} storage
 */
export function hasVisit(storage) {
  return (storage?.getItem(KEY) ?? null) !== null;
}

export class ResumeStore {
  #storage;
  #locks;
  #reloaded;
  #lockName = '';
  /** @type {(() => void)|null} */
  #release = null;

  /**
   * @param {Pick<Storage, 'getItem'|'setItem'|'removeItem'>|undefined} storage
   * @param {Pick<LockManager, 'request'>|undefined} locks
   * @param {boolean} reloaded  this page was loaded by a reload
   */
  constructor(storage, locks, reloaded) {
    this.#storage = storage;
    this.#locks = locks;
    this.#reloaded = reloaded;
  }

  /** @param {Stored} entry */
  save(entry) {
    this.#hold(`aq-peer-${entry.peerId}`, undefined);
    try {
      this.#storage?.setItem(KEY, JSON.stringify(entry));
    } catch {
      // Storage may be full or forbidden; then this tab cannot come back by itself, which is all.
    }
  }

  /** Forgets it all: the person left, or it was never this tab's. */
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
   * What an earlier life of this tab has left behind, if it is not too old.
   *
   * @param {number} now milliseconds since 1970
   * @returns {Stored|null}
   */
  recall(now) {
    const entry = this.#read();
    if (!entry) return null;
    const age = now - entry.at;
    return age >= 0 && age <= entry.windowMs + SLACK_MS ? entry : null;
  }

  /**
   * Makes an entry this tab's own. Settles within a second.
   *
   * @param {Stored} entry
   * @returns {Promise<boolean>} false: it is another tab's
   */
  async claim(entry) {
    if (!this.#locks) return this.#reloaded;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), LOCK_WAIT_MS);
    const mine = await this.#hold(`aq-peer-${entry.peerId}`, patience.signal);
    clearTimeout(timer);
    return mine;
  }

  /** @returns {Stored|null} */
  #read() {
    try {
      const entry = JSON.parse(this.#storage?.getItem(KEY) ?? 'null');
      return whole(entry) ? entry : null;
    } catch {
      return null;
    }
  }

  /**
   * Takes a lock and keeps it, and lets go of the one of before.
   *
   * @param {string} name
   * @param {AbortSignal|undefined} signal
   * @returns {Promise<boolean>} whether it was got
   */
  #hold(name, signal) {
    if (!this.#locks || this.#lockName === name) return Promise.resolve(true);
    this.#release?.();
    this.#lockName = name;
    const held = new Promise((resolve) => {
      this.#release = () => resolve(undefined);
    });
    return new Promise((got) => {
      const granted = () => {
        got(true);
        return held;
      };
      this.#locks?.request(name, signal ? { signal } : {}, granted).catch(() => {
        // Waited too long; or the page goes away, and its requests with it.
        if (this.#lockName === name) this.#lockName = '';
        got(false);
      });
    });
  }
}

/**
 * Whether a value is an entry: another version of the page may have written it.
 *
 * @param {any} entry
 * @returns {entry is Stored}
 */
function whole(entry) {
  return (
    ['room', 'username', 'token', 'peerId', 'lastChat'].every((key) => typeof entry?.[key] === 'string') &&
    ['windowMs', 'at'].every((key) => Number.isFinite(entry[key])) &&
    typeof entry.on === 'object' &&
    entry.on !== null &&
    typeof entry.hand === 'boolean' &&
    Array.isArray(entry.pendingChat) &&
    entry.pendingChat.every((/** @type {unknown} */ text) => typeof text === 'string')
  );
}
