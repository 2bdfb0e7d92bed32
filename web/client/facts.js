/** What the session knows, in the words of aq-client.js. Pure. */

import { tracksByPeer } from '../protocol/roomstate.js';

/** @typedef {import('../protocol/messages.js').Source} Source */

/**
 * Somebody else in the room.
 *
 * @typedef {object} Peer
 * @property {string} id
 * @property {string} name
 * @property {boolean} microphone  whether it is on
 * @property {boolean} camera
 * @property {boolean} screen      whether it is shared
 * @property {boolean} hand        whether it is raised
 * @property {boolean} moderator
 * @property {boolean} lost        the connection of this person is being repaired
 */
/**
 * What somebody sends.
 *
 * @typedef {object} RemoteTrack
 * @property {string} peerId
 * @property {Source} source
 * @property {'audio'|'video'} kind
 * @property {MediaStream|null} stream  null: it does not come, or not any more
 */

/** @param {import('../sessionstate.js').SessionState} state @returns {Map<string, Peer>} by id, in the order they came */
export function peersOf({ room }) {
  const tracks = tracksByPeer(room);
  return new Map(
    [...room.peers.values()].map(({ peer_id: id, username: name, state }) => {
      const { microphone, camera, hand, moderator } = state;
      return [id, { id, name, microphone, camera, screen: tracks.get(id)?.screen !== undefined, hand, moderator, lost: state.connection === 'lost' }];
    }),
  );
}

/** @param {import('../sessionstate.js').SessionState} state @returns {Map<string, RemoteTrack & {trackId: string}>} by the server's id of the track */
export function tracksOf({ room, streams }) {
  /** @type {Map<string, RemoteTrack & {trackId: string}>} */
  const tracks = new Map();
  for (const { track_id: trackId, peer_id: peerId, source, kind, mid } of room.tracks.tracks) {
    tracks.set(trackId, { trackId, peerId, source, kind, stream: streams.get(mid) ?? null });
  }
  for (const { track_id: trackId, peer_id: peerId, source, kind } of room.tracks.unassigned) tracks.set(trackId, { trackId, peerId, source, kind, stream: null });
  return tracks;
}

/**
 * @param {ReadonlyMap<string, Peer>} before
 * @param {ReadonlyMap<string, Peer>} now
 * @returns {{change: 'joined'|'updated'|'left', peer: Peer}[]}
 */
export function peerChanges(before, now) {
  /** @type {{change: 'joined'|'updated'|'left', peer: Peer}[]} */
  const changes = [];
  for (const [id, peer] of before) if (!now.has(id)) changes.push({ change: 'left', peer });
  for (const [id, peer] of now) {
    const old = before.get(id);
    if (!old) changes.push({ change: 'joined', peer });
    else if (JSON.stringify(old) !== JSON.stringify(peer)) changes.push({ change: 'updated', peer });
  }
  return changes;
}

/**
 * @param {ReadonlyMap<string, RemoteTrack>} before
 * @param {ReadonlyMap<string, RemoteTrack>} now
 * @returns {RemoteTrack[]} those whose stream has changed
 */
export function trackChanges(before, now) {
  const gone = [...before].filter(([id, track]) => track.stream && !now.has(id)).map(([, track]) => ({ ...track, stream: null }));
  const changed = [...now].filter(([id, track]) => track.stream !== (before.get(id)?.stream ?? null)).map(([, track]) => track);
  return [...gone, ...changed].map(({ peerId, source, kind, stream }) => ({ peerId, source, kind, stream }));
}

/**
 * Those that are new or not as they were.
 *
 * @param {readonly import('../media/filechannel.js').Transfer[]} before
 * @param {readonly import('../media/filechannel.js').Transfer[]} now
 */
export function fileChanges(before, now) {
  const old = new Map(before.map((file) => [file.key, JSON.stringify(file)]));
  return now.filter((file) => old.get(file.key) !== JSON.stringify(file));
}
