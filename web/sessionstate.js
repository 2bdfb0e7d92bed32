/** What a visit to a room is at a moment, and what happens in it, as types; with how it begins. */

import { EMPTY } from './protocol/roomstate.js';

/** @typedef {'idle'|'joining'|'joined'|'reconnecting'|'ended'} Phase */
/**
 * Why the server is not there: the connection is lost, the server has said that
 * it restarts, or the page itself was away (loaded again).
 *
 * @typedef {{since: number, cause: 'lost'|'restart'|'page'}} Away  since: milliseconds since 1970
 */

/**
 * @typedef {object} SessionState
 * @property {Phase} phase
 * @property {import('./media/peerlink.js').LinkState} media
 * @property {Away|null} away  while phase is `reconnecting`
 * @property {boolean} mediaTrouble  media could not be connected at all, and is being tried again
 * @property {import('./protocol/roomstate.js').RoomState} room
 * @property {boolean} hand
 * @property {boolean} lobby  we wait to be let in
 * @property {readonly string[]} pendingChat  sent to the room, but not yet seen to come back
 * @property {readonly import('./protocol/pendingchat.js').Pending[]} pendingPrivate  the same, to one person
 * @property {readonly import('./media/filechannel.js').Transfer[]} files  on offer, on their way and there, the oldest first
 * @property {ReadonlyMap<string, MediaStream>} streams  remote tracks by mid
 * @property {number|null} uplink  1 (unusable) to 5 (perfect): how well we reach the server; null: unknown
 * @property {import('./protocol/ending.js').Ending|null} ending
 */

/**
 * Something worth telling a person once.
 *
 * @typedef {import('./protocol/happenings.js').Happening
 *   | {kind: 'error', error: import('./protocol/messages.js').ServerError}
 *   | {kind: 'moderated', told: import('./protocol/moderation.js').Moderated}
 *   | {kind: 'permissions', before: import('./protocol/messages.js').Permissions, now: import('./protocol/messages.js').Permissions}
 *   | ({kind: 'back'} & import('./absence.js').Return) | {kind: 'chat', message: import('./protocol/messages.js').ChatMessage}
 *   | {kind: 'reactions', reactions: import('./protocol/messages.js').Reaction[]}
 *   | {kind: 'file', transfer: import('./media/filechannel.js').Transfer}} Notice
 */

/**
 * What an earlier life of the page has left behind.
 *
 * @typedef {object} Past
 * @property {string} token
 * @property {string} peerId
 * @property {boolean} hand
 * @property {string} lastChat  id of the last chat message that was shown
 * @property {readonly string[]} pendingChat
 * @property {number} at         when that was, in milliseconds since 1970
 */

/**
 * @typedef {object} Clock
 * @property {(run: () => void, ms: number) => any} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {() => number} now    milliseconds since 1970
 * @property {() => number} random from 0 to 1
 */

/** @type {SessionState} */
export const IDLE = Object.freeze({
  phase: 'idle',
  media: 'new',
  away: null,
  mediaTrouble: false,
  room: EMPTY,
  hand: false,
  lobby: false,
  pendingChat: [],
  pendingPrivate: [],
  files: [],
  streams: new Map(),
  uplink: null,
  ending: null,
});
