/**
 * What the server has told us about the room, as a value: each message makes
 * the next one. Pure.
 */

import { OPEN_POLICY } from './moderation.js';

/** @typedef {import('./messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./messages.js').Source} Source */
/** @typedef {{trackId: string, mid: string|null}} TrackRef  mid is null while the track has no m-line */

/**
 * @typedef {object} RoomState
 * @property {string} peerId  ours; empty before the first welcome
 * @property {string} room
 * @property {string} username
 * @property {import('./messages.js').Permissions} permissions
 * @property {import('./moderation.js').Policy} policy
 * @property {readonly import('./moderation.js').Waiting[]} waiting  to be let in; only moderators know
 * @property {import('./messages.js').PeerState|null} own  our state as the server sees it
 * @property {ReadonlyMap<string, import('./messages.js').PeerInfo>} peers  the others, in the order they came
 * @property {import('./messages.js').Tracks} tracks
 * @property {readonly import('./messages.js').ChatMessage[]} chat  oldest first, without duplicates; with `to`: private
 * @property {ReadonlyMap<string, number>} speakers  peer id to level, loudest first
 * @property {import('./messages.js').Quality|null} quality
 */

/** Older chat messages than these are let go: a page may stay open for days. */
const CHAT_KEPT = 1000;

/** @type {RoomState} */
export const EMPTY = Object.freeze({
  peerId: '',
  room: '',
  username: '',
  permissions: { publish: [], subscribe: true, chat: true, moderate: false },
  policy: OPEN_POLICY,
  waiting: [],
  own: null,
  peers: new Map(),
  tracks: { tracks: [], publish: [], unassigned: [] },
  chat: [],
  speakers: new Map(),
  quality: null,
});

/**
 * @param {RoomState} state
 * @param {ServerMessage} message
 * @returns {RoomState} the same object if the message says nothing about the room
 */
export function reduce(state, message) {
  switch (message.event) {
    case 'welcome': {
      const w = message.data;
      return {
        ...state,
        peerId: w.peer_id,
        room: w.room,
        username: w.username,
        permissions: w.permissions,
        policy: w.policy,
        waiting: [],
        own: w.resumed ? state.own : null,
        peers: new Map(w.peers.map((peer) => [peer.peer_id, peer])),
        tracks: w.resumed ? state.tracks : EMPTY.tracks,
        chat: addChat(state.chat, w.chat),
        speakers: new Map(),
        quality: w.resumed ? state.quality : null,
      };
    }
    case 'peer_joined':
    case 'peer_updated': {
      const peer = message.data;
      if (peer.peer_id === state.peerId) return { ...state, own: peer.state, username: peer.username };
      return { ...state, peers: new Map(state.peers).set(peer.peer_id, peer) };
    }
    case 'peer_left': {
      const peers = new Map(state.peers);
      peers.delete(message.data.peer_id);
      const speakers = new Map(state.speakers);
      speakers.delete(message.data.peer_id);
      return { ...state, peers, speakers };
    }
    case 'tracks':
      return { ...state, tracks: message.data };
    case 'chat':
      return { ...state, chat: addChat(state.chat, [message.data]) };
    case 'policy':
      return { ...state, policy: message.data };
    case 'permissions':
      return { ...state, permissions: message.data, waiting: message.data.moderate ? state.waiting : [] };
    case 'knock':
      return { ...state, waiting: message.data };
    case 'chat_cleared': // of the room; what two have written to each other stays theirs
      return { ...state, chat: state.chat.filter((m) => m.to || isLater(m.id, message.data.lastId)) };
    case 'speakers':
      return { ...state, speakers: new Map(message.data.map((s) => [s.peer_id, s.level])) };
    case 'quality':
      return { ...state, quality: message.data };
    default:
      return state;
  }
}

/** Of two ids of chat messages, which are decimal and may be long. @param {string} a @param {string} b */
function isLater(a, b) {
  return a.length === b.length ? a > b : a.length > b.length;
}

/**
 * With whom a private message was exchanged; empty for one to the whole room.
 *
 * @param {import('./messages.js').ChatMessage} message
 * @param {string} peerId ours
 */
export function partner(message, peerId) {
  return message.to && message.from === peerId ? message.to : message.to && message.from;
}

/**
 * A message is known by its id and its timestamp together: after a restart of
 * the server the ids of a room begin anew.
 *
 * @param {readonly import('./messages.js').ChatMessage[]} have
 * @param {import('./messages.js').ChatMessage[]} fresh
 * @returns {readonly import('./messages.js').ChatMessage[]}
 */
function addChat(have, fresh) {
  if (fresh.length === 0) return have;
  const known = new Set(have.map(chatKey));
  const added = fresh.filter((m) => {
    const key = chatKey(m);
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
  return added.length === 0 ? have : [...have, ...added].slice(-CHAT_KEPT);
}

/**
 * @param {import('./messages.js').ChatMessage} m
 * @returns {string}
 */
export function chatKey(m) {
  return `${m.id} ${m.timestamp}`;
}

/**
 * The messages that were not there before.
 *
 * @param {readonly import('./messages.js').ChatMessage[]} before
 * @param {readonly import('./messages.js').ChatMessage[]} now
 * @returns {import('./messages.js').ChatMessage[]}
 */
export function chatSince(before, now) {
  if (before === now) return [];
  const known = new Set(before.map(chatKey));
  return now.filter((message) => !known.has(chatKey(message)));
}

/**
 * Who sends what, and on which m-line it arrives.
 *
 * @param {RoomState} state
 * @returns {Map<string, Partial<Record<Source, TrackRef>>>} by peer id
 */
export function tracksByPeer(state) {
  /** @type {Map<string, Partial<Record<Source, TrackRef>>>} */
  const result = new Map();
  /** @param {string} peer @param {Source} source @param {TrackRef} ref */
  const put = (peer, source, ref) => {
    const entry = result.get(peer) ?? {};
    entry[source] = ref;
    result.set(peer, entry);
  };
  for (const t of state.tracks.unassigned) put(t.peer_id, t.source, { trackId: t.track_id, mid: null });
  for (const t of state.tracks.tracks) put(t.peer_id, t.source, { trackId: t.track_id, mid: t.mid });
  return result;
}
