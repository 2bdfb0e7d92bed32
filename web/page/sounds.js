/** Which sound goes with what happens, for those who want it. */

/** @typedef {import('./page.js').Page} Page */
/** @typedef {import('../media/tones.js').Tone} Tone */

/** Where so many are, somebody comes and goes all the time. */
const MANY = 12;
/** Sounds of one kind closer together say nothing new. */
const APART_MS = 1500;

/** @type {Record<Exclude<Tone, 'test'>, 'soundPeople'|'soundChat'|'soundHand'>} */
const SWITCH = { joined: 'soundPeople', left: 'soundPeople', knock: 'soundPeople', chat: 'soundChat', mention: 'soundChat', hand: 'soundHand' };

/**
 * Whether it is to be heard. Pure.
 *
 * @param {Exclude<Tone, 'test'>} tone
 * @param {{soundPeople: boolean, soundChat: boolean, soundHand: boolean}} preferences
 * @param {number} people  in the room
 * @returns {boolean}
 */
export function wanted(tone, preferences, people) {
  if (!preferences[SWITCH[tone]]) return false;
  // Who knocks or names somebody means a certain person.
  return people <= MANY || tone === 'knock' || tone === 'mention';
}

export class Sounds {
  #page;
  /** @type {Map<Tone, number>} */
  #playedAt = new Map();

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {Exclude<Tone, 'test'>} tone */
  async play(tone) {
    const { preferences, session } = this.#page;
    const now = Date.now();
    if (!wanted(tone, preferences, session.state.room.peers.size + 1)) return;
    if (now - (this.#playedAt.get(tone) ?? 0) < APART_MS) return;
    this.#playedAt.set(tone, now);
    const { play } = await import('../media/tones.js');
    await play(tone, preferences.speaker);
  }
}
