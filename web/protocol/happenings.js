/** What in a message is worth telling a person once. Pure. */

/** @typedef {import('./messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./roomstate.js').RoomState} RoomState */
/** @typedef {{kind: 'joined'|'left'|'hand'|'screen', name: string} | {kind: 'knock', name: string, peerId: string}
 *   | {kind: 'told', text: string}} Happening */

/**
 * @param {RoomState} before  the room as it was before the message
 * @param {ServerMessage} message
 * @returns {Happening[]}
 */
export function happenings(before, message) {
  switch (message.event) {
    case 'peer_left':
      return before.peers.has(message.data.peer_id) ? [{ kind: 'left', name: message.data.username }] : [];
    case 'peer_joined':
    case 'peer_updated': {
      const { peer_id: id, username: name, state } = message.data;
      if (id === before.peerId) return [];
      const known = before.peers.get(id);
      if (!known) return [{ kind: 'joined', name }];
      return state.hand && !known.state.hand ? [{ kind: 'hand', name }] : [];
    }
    case 'knock': {
      const known = new Set(before.waiting.map((w) => w.peer_id));
      return message.data.filter((w) => !known.has(w.peer_id)).map((w) => ({ kind: 'knock', name: w.username, peerId: w.peer_id }));
    }
    case 'notice':
      return message.data.text ? [{ kind: 'told', text: message.data.text }] : [];
    case 'tracks':
      return screens(before, message.data.tracks);
    default:
      return [];
  }
}

/** @param {RoomState} before @param {import('./messages.js').TrackEntry[]} now @returns {Happening[]} */
function screens(before, now) {
  const had = new Set(before.tracks.tracks.map((t) => t.track_id));
  return now.flatMap((track) => {
    const peer = before.peers.get(track.peer_id);
    return track.source === 'screen' && peer && !had.has(track.track_id) ? [{ kind: /** @type {const} */ ('screen'), name: peer.username }] : [];
  });
}
