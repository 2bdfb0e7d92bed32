/**
 * The messages of docs/protocol.md: their types, and their way to and from text.
 *
 * Every message is `{event, data}` with `data` always a string; what is JSON
 * inside that string is parsed here and nowhere else. Fields that a server
 * leaves out get their empty value, so that nobody behind this file needs to ask.
 */

import { fileEvent, fileLimit, fileStates } from './files.js';
import { knock, moderated, policy, sources } from './moderation.js';

/** @typedef {'camera'|'microphone'|'screen'|'screen_audio'} Source */
/** @typedef {'audio'|'video'} Kind */

/**
 * @typedef {object} PeerState
 * @property {boolean} microphone
 * @property {boolean} camera
 * @property {boolean} hand
 * @property {'ok'|'lost'} connection
 * @property {number} quality  1 (unusable) to 5 (perfect), by his own word; 0: unknown
 * @property {boolean} moderator
 * @property {Source[]} muted  for good, by a moderator
 */
/** @typedef {{peer_id: string, username: string, state: PeerState}} PeerInfo */
/** @typedef {{peer_id: string, username: string, reason: string}} PeerLeft */
/**
 * @typedef {object} ChatMessage
 * @property {string} id         decimal, grows within the room
 * @property {string} from       peer id
 * @property {string} to         peer id of the only other one who reads it; empty: the whole room
 * @property {string} username
 * @property {string} message
 * @property {string} time       HH:MM:SS by the server's clock
 * @property {string} timestamp  RFC 3339
 */
/** @typedef {{publish: Source[], subscribe: boolean, chat: boolean, moderate: boolean}} Permissions */
/** @typedef {{token: string, window_seconds: number}} ResumeGrant */
/**
 * @typedef {object} Welcome
 * @property {number} protocol
 * @property {string} peer_id
 * @property {string} room
 * @property {string} username
 * @property {Permissions} permissions
 * @property {PeerInfo[]} peers
 * @property {ChatMessage[]} chat
 * @property {RTCIceServer[]} iceServers
 * @property {ResumeGrant|null} resume
 * @property {boolean} resumed
 * @property {import('./moderation.js').Policy} policy
 * @property {Source[]} muted  of ours: not forwarded
 * @property {number} files    size of the largest file that may be sent; 0: none may
 */
/** @typedef {{mid: string, track_id: string, peer_id: string, kind: Kind, source: Source}} TrackEntry */
/** @typedef {{mid: string, kind: Kind, source: Source, rids: string[]}} PublishEntry */
/** @typedef {{track_id: string, peer_id: string, kind: Kind, source: Source}} UnassignedEntry */
/** @typedef {{tracks: TrackEntry[], publish: PublishEntry[], unassigned: UnassignedEntry[]}} Tracks */
/** @typedef {{mid: string, source: Source, rids: string[]|null}} LayerEntry */
/** @typedef {{peer_id: string, level: number}} Speaker */
/**
 * Why a track's packets do not come: `hidden` by our own view, `no_slot` left
 * among the m-lines, `codec`: this browser cannot decode it, `source`: its
 * publisher sends nothing, `bandwidth`: our own downlink is too weak for it.
 * Others may be added; they mean no more than that it is paused.
 *
 * @typedef {'hidden'|'no_slot'|'codec'|'source'|'bandwidth'} PauseReason
 */
/**
 * @typedef {object} Quality
 * @property {number} score          1 (unusable) to 5 (perfect)
 * @property {number} bandwidth_bps  0: unknown
 * @property {number} rtt_ms
 * @property {number} loss           0 to 1
 * @property {{track_id: string, reason: PauseReason}[]} paused
 * @property {{track_id: string, rid: string}[]} layers  which are sent, of tracks that have some
 */
/** @typedef {{code: string, message: string, event: string, ref: string}} ServerError  ref: our own name of the file it is about */
/** @typedef {{peer_id: string, emoji: string}} Reaction */
/** @typedef {{track_id: string, width?: number, height?: number, hidden?: boolean}} ViewEntry */
/** @typedef {{microphone?: boolean, camera?: boolean, hand?: boolean, quality?: number, username?: string}} StateUpdate */

/**
 * @typedef {{event: 'welcome', data: Welcome}
 *   | {event: 'offer', data: RTCSessionDescriptionInit, offerId: number}
 *   | {event: 'candidate', data: RTCIceCandidateInit}
 *   | {event: 'chat', data: ChatMessage}
 *   | {event: 'peer_joined', data: PeerInfo}
 *   | {event: 'peer_updated', data: PeerInfo}
 *   | {event: 'peer_left', data: PeerLeft}
 *   | {event: 'tracks', data: Tracks}
 *   | {event: 'layers', data: LayerEntry[]}
 *   | {event: 'speakers', data: Speaker[]}
 *   | {event: 'quality', data: Quality}
 *   | {event: 'reaction', data: Reaction[]}
 *   | {event: 'file', data: import('./files.js').FileEvent}
 *   | {event: 'files', data: import('./files.js').FileState[]}
 *   | {event: 'policy', data: import('./moderation.js').Policy}
 *   | {event: 'permissions', data: Permissions}
 *   | {event: 'moderated', data: import('./moderation.js').Moderated}
 *   | {event: 'knock', data: import('./moderation.js').Waiting[]}
 *   | {event: 'lobby', data: {room: string, username: string}}
 *   | {event: 'notice', data: {text: string}}
 *   | {event: 'chat_cleared', data: {lastId: string}}
 *   | {event: 'pong', data: string}
 *   | {event: 'error', data: ServerError}} ServerMessage
 */

/** @typedef {'answer'|'candidate'|'chat'|'publish'|'unpublish'|'state'|'view'|'restart'|'reaction'|'file'|'ping'|'leave'|'moderate'|'admit'} ClientEvent */

/**
 * Encodes one message for the wire.
 *
 * @param {ClientEvent} event
 * @param {string|object} [data] a string goes as it is, an object as JSON text
 * @param {Record<string, unknown>} [extra] further top-level fields
 * @returns {string}
 */
export function encode(event, data = '', extra = {}) {
  return JSON.stringify({ event, data: typeof data === 'string' ? data : JSON.stringify(data), ...extra });
}

/**
 * Decodes one frame. Returns null for what is not a message, for events that
 * this client does not know, and for data of the wrong shape: the protocol asks
 * clients to ignore those.
 *
 * @param {unknown} frame
 * @returns {ServerMessage|null}
 */
export function decode(frame) {
  const outer = parseObject(frame);
  if (!outer || typeof outer.event !== 'string') return null;
  if (outer.event === 'chat') return { event: 'chat', data: chatMessage(outer) };
  if (outer.event === 'pong') return { event: 'pong', data: string(outer.data) };
  const data = parseObject(outer.data);
  if (!data) return null;
  switch (outer.event) {
    case 'welcome':
      return { event: 'welcome', data: welcome(data) };
    case 'offer':
      if (data.type !== 'offer' || typeof data.sdp !== 'string') return null;
      return { event: 'offer', data: { type: 'offer', sdp: data.sdp }, offerId: number(outer.offer_id) };
    case 'candidate':
      return { event: 'candidate', data };
    case 'peer_joined':
      return { event: 'peer_joined', data: peerInfo(data) };
    case 'peer_updated':
      return { event: 'peer_updated', data: peerInfo(data) };
    case 'peer_left':
      return {
        event: 'peer_left',
        data: { peer_id: string(data.peer_id), username: string(data.username), reason: string(data.reason) },
      };
    case 'tracks':
      return { event: 'tracks', data: tracks(data) };
    case 'layers':
      return { event: 'layers', data: array(data.tracks).map(layerEntry) };
    case 'speakers':
      return {
        event: 'speakers',
        data: array(data.speakers).map((s) => ({ peer_id: string(s.peer_id), level: number(s.level) })),
      };
    case 'quality':
      return { event: 'quality', data: quality(data) };
    case 'reaction':
      return {
        event: 'reaction',
        data: array(data.reactions).map((r) => ({ peer_id: string(r.peer_id), emoji: string(r.emoji) })),
      };
    case 'file':
      return { event: 'file', data: fileEvent(data) };
    case 'files':
      return { event: 'files', data: fileStates(data) };
    case 'policy':
      return { event: 'policy', data: policy(data) };
    case 'permissions':
      return { event: 'permissions', data: permissionsOf(data) };
    case 'moderated':
      return { event: 'moderated', data: moderated(data) };
    case 'knock':
      return { event: 'knock', data: knock(data) };
    case 'lobby':
      return { event: 'lobby', data: { room: string(data.room), username: string(data.username) } };
    case 'notice':
      return { event: 'notice', data: { text: string(data.text) } };
    case 'chat_cleared':
      return { event: 'chat_cleared', data: { lastId: string(data.last_id) } };
    case 'error':
      return {
        event: 'error',
        data: { code: string(data.code), message: string(data.message), event: string(data.event), ref: string(data.ref) },
      };
    default:
      return null;
  }
}

/** @param {unknown} text @returns {Record<string, any>|null} */
function parseObject(text) {
  if (typeof text !== 'string') return null;
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** @param {unknown} v @returns {string} */
const string = (v) => (typeof v === 'string' ? v : '');
/** @param {unknown} v @returns {number} */
const number = (v) => (typeof v === 'number' && Number.isFinite(v) ? v : 0);
/** @param {unknown} v @returns {any[]} */
const array = (v) => (Array.isArray(v) ? v.filter((item) => item && typeof item === 'object') : []);
/** @param {unknown} v @returns {string[]} */
const strings = (v) => (Array.isArray(v) ? v.filter((item) => typeof item === 'string') : []);

/** @param {any} d @returns {PeerInfo} */
function peerInfo(d) {
  const state = d.state ?? {};
  return {
    peer_id: string(d.peer_id),
    username: string(d.username),
    state: {
      microphone: state.microphone === true,
      camera: state.camera === true,
      hand: state.hand === true,
      connection: state.connection === 'lost' ? 'lost' : 'ok',
      quality: number(state.quality),
      moderator: state.moderator === true,
      muted: sources(state.muted),
    },
  };
}

/** @param {any} d @returns {ChatMessage} */
function chatMessage(d) {
  return {
    id: string(d.id),
    from: string(d.from),
    to: string(d.to),
    username: string(d.username),
    message: string(d.message) || string(d.data),
    time: string(d.time),
    timestamp: string(d.timestamp),
  };
}

/** @param {any} d @returns {Permissions} */
function permissionsOf(d) {
  return { publish: sources(d.publish), subscribe: d.subscribe === true, chat: d.chat === true, moderate: d.moderate === true };
}

/** @param {any} d @returns {Welcome} */
function welcome(d) {
  const resume = d.resume && typeof d.resume.token === 'string' && d.resume.token !== '';
  return {
    protocol: number(d.protocol),
    peer_id: string(d.peer_id),
    room: string(d.room),
    username: string(d.username),
    permissions: permissionsOf(d.permissions ?? {}),
    peers: array(d.peers).map(peerInfo),
    chat: array(d.chat).map(chatMessage),
    iceServers: array(d.iceServers),
    resume: resume ? { token: d.resume.token, window_seconds: number(d.resume.window_seconds) } : null,
    resumed: d.resumed === true,
    policy: policy(d.policy),
    muted: sources(d.muted),
    files: fileLimit(d.files),
  };
}

/** @param {any} d @returns {Tracks} */
function tracks(d) {
  /** @param {any} t */
  const common = (t) => ({ kind: /** @type {Kind} */ (string(t.kind)), source: /** @type {Source} */ (string(t.source)) });
  /** @param {any} t */
  const remote = (t) => ({ track_id: string(t.track_id), peer_id: string(t.peer_id), ...common(t) });
  return {
    tracks: array(d.tracks).map((t) => ({ mid: string(t.mid), ...remote(t) })),
    publish: array(d.publish).map((t) => ({ mid: string(t.mid), ...common(t), rids: strings(t.rids) })),
    unassigned: array(d.unassigned).map(remote),
  };
}

/** @param {any} t @returns {LayerEntry} */
function layerEntry(t) {
  return {
    mid: string(t.mid),
    source: /** @type {Source} */ (string(t.source)),
    rids: Array.isArray(t.rids) ? strings(t.rids) : null,
  };
}

/** @param {any} d @returns {Quality} */
function quality(d) {
  return {
    score: number(d.score),
    bandwidth_bps: number(d.bandwidth_bps),
    rtt_ms: number(d.rtt_ms),
    loss: number(d.loss),
    paused: array(d.paused).map((p) => ({ track_id: string(p.track_id), reason: /** @type {PauseReason} */ (string(p.reason)) })),
    layers: array(d.layers).map((l) => ({ track_id: string(l.track_id), rid: string(l.rid) })),
  };
}
