/** What moderators do, as messages: types and decoding. No DOM. */

/** @typedef {import('./messages.js').Source} Source */
/** @typedef {{locked: boolean, lobby: boolean, screen: boolean, chat: boolean}} Policy */
/** @typedef {'mute'|'unmute'|'remove'|'lock'|'lobby'|'allow'|'promote'|'hand_over'|'clear_chat'} Action */
/** @typedef {{action: Action, peer_id?: string, source?: Source, hard?: boolean, ban?: boolean, what?: 'screen'|'chat', on?: boolean}} Moderate */
/** @typedef {{action: string, source: Source|'', hard: boolean, by: string, username: string}} Moderated  by: empty for the administrator */
/** @typedef {{peer_id: string, username: string}} Waiting */

/** @type {Policy} */
export const OPEN_POLICY = Object.freeze({ locked: false, lobby: false, screen: true, chat: true });

/** @param {unknown} v @returns {string} */
const string = (v) => (typeof v === 'string' ? v : '');

/** @param {any} d @returns {Policy} */
export function policy(d) {
  return { locked: d?.locked === true, lobby: d?.lobby === true, screen: d?.screen !== false, chat: d?.chat !== false };
}

/** @param {any} d @returns {Moderated} */
export function moderated(d) {
  return { action: string(d.action), source: /** @type {Source|''} */ (string(d.source)), hard: d.hard === true, by: string(d.by), username: string(d.username) };
}

/** @param {any} d @returns {Waiting[]} */
export function knock(d) {
  return (Array.isArray(d.waiting) ? d.waiting : [])
    .filter((/** @type {any} */ w) => w && typeof w.peer_id === 'string')
    .map((/** @type {any} */ w) => ({ peer_id: w.peer_id, username: string(w.username) }));
}

/** @param {unknown} v @returns {Source[]} */
export function sources(v) {
  return /** @type {Source[]} */ (Array.isArray(v) ? v.filter((s) => ['microphone', 'camera', 'screen', 'screen_audio'].includes(s)) : []);
}
