/** What the elements show, made from what the session and the devices say. Pure. */

import { tracksByPeer } from './protocol/roomstate.js';

/** @typedef {import('./session.js').SessionState} SessionState */
/** @typedef {import('./media/localmedia.js').LocalState} LocalState */

/**
 * @typedef {object} Tile
 * @property {string} key
 * @property {string} peerId
 * @property {'camera'|'screen'} source
 * @property {string} name
 * @property {boolean} self
 * @property {MediaStream|null} stream   null: there is no picture
 * @property {string|null} trackId       of a remote video track
 * @property {boolean} microphone
 * @property {boolean} hand
 * @property {boolean} lost              the person's connection is being repaired
 * @property {boolean} speaking
 */

/** @typedef {'connecting'|'connected'|'reconnecting'|'media-connecting'|'media-lost'|'chat-only'} ConnectionKind */

/**
 * @typedef {object} CallModel
 * @property {string} room
 * @property {Tile[]} tiles      ourselves first
 * @property {{peerId: string, name: string, self: boolean, microphone: boolean, camera: boolean, hand: boolean, lost: boolean, speaking: boolean}[]} people
 * @property {readonly import('./protocol/messages.js').ChatMessage[]} chat
 * @property {readonly string[]} pendingChat
 * @property {string} peerId     our own
 * @property {{kind: ConnectionKind, text: string}} connection
 * @property {import('./protocol/messages.js').Quality|null} quality
 * @property {{mid: string, stream: MediaStream}[]} audio   to be heard
 * @property {{microphone: boolean, camera: boolean, screen: boolean, hand: boolean}} on
 * @property {{microphone: boolean, camera: boolean, screen: boolean, chat: boolean}} may
 * @property {string[]} speaking   tile keys of who speaks, loudest first
 */

/**
 * @param {SessionState} session
 * @param {LocalState} local
 * @param {{camera: MediaStream|null, screen: MediaStream|null}} streams  our own
 * @param {import('./media/support.js').Support} support
 * @returns {CallModel}
 */
export function callModel(session, local, streams, support) {
  const { room } = session;
  const own = {
    peerId: room.peerId,
    name: room.username,
    self: true,
    microphone: local.on.microphone,
    camera: local.on.camera,
    hand: session.hand,
    lost: false,
    speaking: local.on.microphone && room.speakers.has(room.peerId),
  };
  const others = [...room.peers.values()].map((peer) => ({
    peerId: peer.peer_id,
    name: peer.username,
    self: false,
    microphone: peer.state.microphone,
    camera: peer.state.camera,
    hand: peer.state.hand,
    lost: peer.state.connection === 'lost',
    speaking: room.speakers.has(peer.peer_id),
  }));
  const people = [own, ...others];
  /** @param {import('./protocol/messages.js').Source} source */
  const permitted = (source) => support.webrtc && room.permissions.publish.includes(source);
  return {
    room: room.room,
    tiles: tilesOf(people, session, streams),
    people,
    chat: room.chat,
    pendingChat: session.pendingChat,
    peerId: room.peerId,
    connection: connectionOf(session, support),
    quality: session.phase === 'joined' ? room.quality : null,
    audio: audioOf(session),
    on: { ...local.on, hand: session.hand },
    may: {
      microphone: permitted('microphone'),
      camera: permitted('camera'),
      screen: permitted('screen') && support.screen,
      chat: room.permissions.chat,
    },
    speaking: [...room.speakers.keys()].map((id) => `${id}:camera`),
  };
}

/**
 * @param {CallModel['people']} people
 * @param {SessionState} session
 * @param {{camera: MediaStream|null, screen: MediaStream|null}} own
 * @returns {Tile[]}
 */
function tilesOf(people, session, own) {
  const tracks = tracksByPeer(session.room);
  /** @type {Tile[]} */
  const tiles = [];
  for (const person of people) {
    const { camera, ...common } = person;
    const sources = tracks.get(person.peerId) ?? {};
    /** @param {import('./protocol/roomstate.js').TrackRef|undefined} ref */
    const remote = (ref) => (ref?.mid ? (session.streams.get(ref.mid) ?? null) : null);
    tiles.push({
      ...common,
      key: `${person.peerId}:camera`,
      source: 'camera',
      stream: !camera ? null : person.self ? own.camera : remote(sources.camera),
      trackId: (!person.self && camera && sources.camera?.trackId) || null,
    });
    if (person.self ? own.screen : sources.screen) {
      tiles.push({
        ...common,
        key: `${person.peerId}:screen`,
        source: 'screen',
        stream: person.self ? own.screen : remote(sources.screen),
        trackId: (!person.self && sources.screen?.trackId) || null,
        hand: false,
        speaking: false,
      });
    }
  }
  return tiles;
}

/** @param {SessionState} session */
function audioOf(session) {
  const audio = [];
  for (const [mid, stream] of session.streams) {
    if (stream.getAudioTracks().length > 0) audio.push({ mid, stream });
  }
  return audio;
}

/**
 * @param {SessionState} session
 * @param {import('./media/support.js').Support} support
 * @returns {CallModel['connection']}
 */
export function connectionOf(session, support) {
  if (session.phase === 'reconnecting') return { kind: 'reconnecting', text: 'Connection lost. Reconnecting…' };
  if (session.phase !== 'joined') return { kind: 'connecting', text: 'Connecting…' };
  if (!support.webrtc) return { kind: 'chat-only', text: 'Chat only' };
  if (session.mediaTrouble) return { kind: 'media-lost', text: 'No sound and picture: the network lets no media through. Trying again…' };
  switch (session.media) {
    case 'connected':
      return { kind: 'connected', text: 'Connected' };
    case 'lost':
      return { kind: 'media-lost', text: 'Sound and picture interrupted. Repairing…' };
    default:
      return { kind: 'media-connecting', text: 'Connecting sound and picture…' };
  }
}
