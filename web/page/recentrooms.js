/** The rooms that this browser was in. Nobody else is told: the name of an open room is the key to it. */

const KEY = 'aq-rooms';
const MOST = 8;

/** @typedef {{room: string, at: number}} Visit  at: milliseconds since 1970 */

/** @returns {Visit[]} the last one first */
export function recentRooms() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return stored.filter((/** @type {any} */ v) => typeof v?.room === 'string' && v.room !== '' && typeof v.at === 'number').slice(0, MOST);
  } catch {
    // Storage may be forbidden, or hold something else: then there are none.
    return [];
  }
}

/** @param {string} room @param {number} now */
export function noteRoom(room, now) {
  save([{ room, at: now }, ...recentRooms().filter((v) => v.room !== room)].slice(0, MOST));
}

/** @param {string|null} room  null: all of them */
export function forgetRoom(room) {
  save(room === null ? [] : recentRooms().filter((v) => v.room !== room));
}

/** @param {Visit[]} visits */
function save(visits) {
  try {
    if (visits.length === 0) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, JSON.stringify(visits));
  } catch {
    // As above.
  }
}
