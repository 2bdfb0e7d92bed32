/** What the elements show, made from what the session and the devices say. Pure. */

import { t } from './i18n/i18n.js';
import { tracksByPeer } from './protocol/roomstate.js';

/** @typedef {import('./sessionstate.js').SessionState} SessionState */
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
 * @property {boolean} repairing         our own is
 * @property {import('./protocol/messages.js').PauseReason|null} paused   the server sends no picture, and why
 * @property {boolean} speaking
 */

/** @typedef {'connecting'|'connected'|'reconnecting'|'media-connecting'|'media-lost'|'chat-only'} ConnectionKind */

/**
 * @typedef {object} CallModel
 * @property {string} room
 * @property {Tile[]} tiles      ourselves first
 * @property {{peerId: string, name: string, self: boolean, microphone: boolean, camera: boolean, hand: boolean, lost: boolean, speaking: boolean,
 *   screen: boolean, moderator: boolean, muted: readonly string[]}[]} people
 * @property {readonly import('./protocol/messages.js').ChatMessage[]} chat
 * @property {readonly string[]} pendingChat
 * @property {string} peerId     our own
 * @property {{kind: ConnectionKind, text: string, weak: boolean}} connection
 * @property {import('./protocol/messages.js').Quality|null} quality
 * @property {{mid: string, stream: MediaStream}[]} audio   to be heard
 * @property {{microphone: boolean, camera: boolean, screen: boolean, hand: boolean}} on
 * @property {{microphone: boolean, camera: boolean, screen: boolean, chat: boolean}} may
 * @property {import('./ui/moderation.js').ModerationModel} moderation
 * @property {string[]} speaking   tile keys of who speaks, loudest first
 */

/**
 * What else there is to know.
 *
 * @typedef {object} World
 * @property {number} now      milliseconds since 1970
 * @property {boolean} online  what the browser thinks; true is no promise
 * @property {import('./page/weakness.js').Weak} weak
 */

/** After so long it is time to say what is going on. */
const EXPLAIN_MS = 8000;

/**
 * @param {SessionState} session
 * @param {LocalState} local
 * @param {{camera: MediaStream|null, screen: MediaStream|null}} streams  our own
 * @param {import('./media/support.js').Support} support
 * @param {World} world
 * @returns {CallModel}
 */
export function callModel(session, local, streams, support, world) {
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
    screen: local.on.screen,
    moderator: room.permissions.moderate,
    muted: room.own?.muted ?? [],
  };
  const sending = tracksByPeer(room);
  const others = [...room.peers.values()].map((peer) => ({
    peerId: peer.peer_id,
    name: peer.username,
    self: false,
    microphone: peer.state.microphone,
    camera: peer.state.camera,
    hand: peer.state.hand,
    lost: peer.state.connection === 'lost',
    speaking: room.speakers.has(peer.peer_id),
    screen: sending.get(peer.peer_id)?.screen !== undefined,
    moderator: peer.state.moderator,
    muted: peer.state.muted,
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
    connection: connectionOf(session, support, world),
    quality: session.phase === 'joined' ? room.quality : null,
    audio: audioOf(session),
    on: { ...local.on, hand: session.hand },
    may: {
      microphone: permitted('microphone'),
      camera: permitted('camera'),
      screen: permitted('screen') && support.screen,
      chat: room.permissions.chat,
    },
    moderation: { may: room.permissions.moderate, policy: room.policy, waiting: room.waiting },
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
  const paused = new Map(session.room.quality?.paused.map((p) => [p.track_id, p.reason]));
  const repairing = session.phase !== 'joined' || session.media === 'lost' || session.mediaTrouble;
  /** @type {Tile[]} */
  const tiles = [];
  for (const person of people) {
    const { camera, screen: _screen, moderator: _moderator, muted: _muted, ...common } = person;
    const sources = tracks.get(person.peerId) ?? {};
    /** @param {import('./protocol/roomstate.js').TrackRef|undefined} ref */
    const remote = (ref) => (ref?.mid ? (session.streams.get(ref.mid) ?? null) : null);
    const trackId = (!person.self && camera && sources.camera?.trackId) || null;
    tiles.push({
      ...common,
      key: `${person.peerId}:camera`,
      source: 'camera',
      stream: !camera ? null : person.self ? own.camera : remote(sources.camera),
      trackId,
      repairing,
      paused: paused.get(trackId ?? '') ?? null,
    });
    if (person.self ? own.screen : sources.screen) {
      const screenId = (!person.self && sources.screen?.trackId) || null;
      tiles.push({
        ...common,
        key: `${person.peerId}:screen`,
        source: 'screen',
        stream: person.self ? own.screen : remote(sources.screen),
        trackId: screenId,
        repairing,
        paused: paused.get(screenId ?? '') ?? null,
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
 * How the connection is, in words for a person. They change only when there is
 * something new to say, for screen readers read each of them aloud.
 *
 * @param {SessionState} session
 * @param {import('./media/support.js').Support} support
 * @param {World} world
 * @returns {CallModel['connection']}
 */
export function connectionOf(session, support, world) {
  /** @param {ConnectionKind} kind @param {string} text */
  const say = (kind, text, weak = false) => ({ kind, text, weak });
  if (session.phase === 'reconnecting') return say('reconnecting', awayText(session.away, world));
  if (session.phase !== 'joined') return say('connecting', t('connection.connecting'));
  if (!support.webrtc) return say('chat-only', t('connection.chat-only'));
  if (session.mediaTrouble) return say('media-lost', t('connection.media-blocked'));
  switch (session.media) {
    case 'connected':
      return world.weak ? say('connected', weakText(world.weak, session.room.quality), true) : say('connected', t('connection.connected'));
    case 'lost':
      return say('media-lost', t('connection.media-lost'));
    default:
      return say('media-connecting', t('connection.media-connecting'));
  }
}

/** @param {import('./sessionstate.js').Away|null} away @param {World} world */
function awayText(away, { now, online }) {
  if (away?.cause === 'restart') return t('connection.restart');
  if (away && now - away.since >= EXPLAIN_MS) {
    return t(online ? 'connection.no-answer' : 'connection.offline');
  }
  return t(away?.cause === 'page' ? 'connection.back' : 'connection.lost');
}

/** @param {import('./page/weakness.js').Weak} weak @param {import('./protocol/messages.js').Quality|null} quality */
function weakText(weak, quality) {
  if (weak === 'up') return t('connection.weak.up');
  if (weak === 'both') return t('connection.weak.both');
  const paused = quality?.paused.some((p) => p.reason === 'bandwidth');
  return t(paused ? 'connection.weak.paused' : 'connection.weak.down');
}
