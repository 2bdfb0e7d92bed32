/**
 * What this page and the site that shows it in a frame say to each other, by
 * postMessage: docs/embedding.md is the contract. Loaded only in a frame.
 *
 * Heard is only the window right above, and only with an origin that the server
 * lets embed this page (EMBED_ORIGINS, or the server's own); nothing is posted to
 * any other origin. What is posted is put together here field by field: a token
 * is in none of them.
 */

import { chatSince } from '../protocol/roomstate.js';

/** Of the contract; a change that old sites would misunderstand raises it. */
const VERSION = 1;

/** @typedef {'microphone'|'camera'|'screen'|'hand'} Switch */

/**
 * What a command makes the page do.
 *
 * @typedef {object} Actions
 * @property {(who: {room?: string, username?: string}, wanted: {microphone?: boolean, camera?: boolean}) => void} join  what is missing is as the page has it
 * @property {() => void} leave
 * @property {(what: Switch, on: boolean) => void} turn
 * @property {(text: string) => void} chat
 * @property {(layout: import('./parameters.js').Layout) => void} layout
 */

/**
 * What the site is told of.
 *
 * @typedef {object} Snapshot
 * @property {import('../sessionstate.js').Phase} phase
 * @property {import('../protocol/ending.js').Ending|null} ending
 * @property {import('../protocol/roomstate.js').RoomState} room
 * @property {Record<Switch, boolean>} on
 */

/** @typedef {{type: string} & Record<string, unknown>} Message */

/** @type {readonly Switch[]} */
const SWITCHES = ['microphone', 'camera', 'screen', 'hand'];

/**
 * @param {Snapshot} snapshot
 * @returns {boolean}
 */
const inside = ({ phase }) => phase === 'joined' || phase === 'reconnecting';

/**
 * What a change means to the site. Pure.
 *
 * @param {Snapshot|null} before
 * @param {Snapshot} now
 * @returns {Message[]}
 */
export function eventsOf(before, now) {
  const was = before !== null && inside(before);
  const is = inside(now);
  /** @type {Message[]} */
  const events = [];
  if (is && !was && now.room.peerId !== '') events.push({ type: 'joined', ...selfOf(now), peers: [...now.room.peers.values()].map(peerOf) });
  if (is && was) events.push(...roomEvents(before.room, now.room));
  if (is) events.push(...switchEvents(was ? before : null, now));
  if (now.phase === 'ended' && before?.phase !== 'ended' && now.ending) {
    const { code, message } = now.ending;
    events.push({ type: was ? 'left' : 'error', code, message });
  }
  return events;
}

/** @param {Snapshot} now */
const selfOf = ({ room }) => ({ room: room.room, peer_id: room.peerId, username: room.username });

/** @param {import('../protocol/messages.js').PeerInfo} peer */
const peerOf = ({ peer_id, username }) => ({ peer_id, username });

/**
 * @param {import('../protocol/roomstate.js').RoomState} before
 * @param {import('../protocol/roomstate.js').RoomState} now
 * @returns {Message[]}
 */
function roomEvents(before, now) {
  const left = [...before.peers.values()].filter((peer) => !now.peers.has(peer.peer_id));
  const joined = [...now.peers.values()].filter((peer) => !before.peers.has(peer.peer_id));
  // What is written to one person alone is not for the site.
  const said = chatSince(before.chat, now.chat).filter((message) => !('to' in message && message.to));
  return [
    ...left.map((peer) => ({ type: 'peer_left', ...peerOf(peer) })),
    ...joined.map((peer) => ({ type: 'peer_joined', ...peerOf(peer) })),
    ...said.map(({ id, from, username, message, timestamp }) => ({ type: 'chat', id, from, username, message, timestamp })),
  ];
}

/** @param {Snapshot|null} before @param {Snapshot} now @returns {Message[]} */
function switchEvents(before, now) {
  const changed = (/** @type {Switch} */ what) => before?.on[what] !== now.on[what];
  const events = [];
  if (changed('microphone') || changed('camera')) events.push({ type: 'muted', microphone: !now.on.microphone, camera: !now.on.camera });
  for (const what of /** @type {const} */ (['screen', 'hand'])) if (before ? changed(what) : now.on[what]) events.push({ type: what, on: now.on[what] });
  return events;
}

/**
 * @param {string|undefined} list  the server's EMBED_ORIGINS, with spaces between them
 * @param {string} own             this page's own origin
 * @returns {string[]}
 */
export function embedOrigins(list, own) {
  return [own, ...(list ?? '').split(' ')].filter((origin) => /^[a-z][a-z0-9+.-]*:\/\/[^\s/*]+$/.test(origin));
}

/**
 * @typedef {object} Frame
 * @property {EventTarget} window    ours
 * @property {{postMessage: (message: unknown, targetOrigin: string) => void}} parent
 * @property {readonly string[]} origins  that may embed this page
 * @property {string} [ancestor]     the parent's origin, where the browser tells (Firefox does not)
 */

export class Embedding {
  #frame;
  #actions;
  /** @type {readonly string[]} one as soon as it is known which of them it is */
  #targets;
  /** @type {Snapshot|null} */
  #last = null;

  /** @param {Frame} frame @param {Actions} actions */
  constructor(frame, actions) {
    this.#frame = frame;
    this.#actions = actions;
    const { origins, ancestor } = frame;
    this.#targets = ancestor ? origins.filter((origin) => origin === ancestor) : origins;
    frame.window.addEventListener('message', (event) => this.#receive(/** @type {MessageEvent} */ (event)));
  }

  /** Says that commands are heard from now on. @param {Snapshot} snapshot */
  ready(snapshot) {
    this.#last ??= { ...snapshot, phase: 'idle' };
    this.#post({ type: 'ready' });
    this.update(snapshot);
  }

  /** Tells what has changed since the last time. @param {Snapshot} snapshot */
  update(snapshot) {
    const events = eventsOf(this.#last, snapshot);
    this.#last = snapshot;
    for (const event of events) this.#post(event);
  }

  /** @param {Message} message */
  #post(message) {
    // The browser delivers to the one origin that the parent has, if it is among these.
    for (const origin of this.#targets) this.#frame.parent.postMessage({ aq: VERSION, ...message }, origin);
  }

  /** @param {MessageEvent} event */
  #receive({ source, origin, data }) {
    if (source !== this.#frame.parent || !this.#frame.origins.includes(origin)) return;
    if (typeof data !== 'object' || data === null || data.aq !== VERSION || typeof data.type !== 'string') return;
    this.#targets = [origin];
    const refusal = this.#obey(data);
    if (refusal) this.#post({ type: 'error', code: refusal, message: `the command ${data.type.slice(0, 40)} was not carried out`, command: data.type.slice(0, 40) });
  }

  /** @param {Record<string, unknown>} command @returns {string} empty, or what is wrong with it */
  #obey(command) {
    const state = this.#last;
    switch (command.type) {
      case 'hello':
        this.#post({ type: 'ready' });
        if (state && inside(state)) for (const event of eventsOf(null, state)) this.#post(event);
        return '';
      case 'join':
        return this.#join(command);
      case 'layout':
        if (command.layout !== 'auto' && command.layout !== 'grid' && command.layout !== 'speaker') return 'bad_command';
        this.#actions.layout(command.layout);
        return '';
      case 'leave':
        // Also out of a lobby, or while the server is being reached.
        if (!state || state.phase === 'idle' || state.phase === 'ended') return 'not_in_a_room';
        this.#actions.leave();
        return '';
      case 'chat':
        if (!isText(command.text) || command.text.trim() === '') return 'bad_command';
        if (!state || !inside(state)) return 'not_in_a_room';
        if (!state.room.permissions.chat) return 'not_permitted';
        this.#actions.chat(command.text);
        return '';
      default:
        return this.#turn(command);
    }
  }

  /** @param {Record<string, unknown>} command */
  #join({ room, username, microphone, camera }) {
    const phase = this.#last?.phase;
    if (![room, username].every((value) => value === undefined || isText(value))) return 'bad_command';
    if (![microphone, camera].every((value) => value === undefined || typeof value === 'boolean')) return 'bad_command';
    if (phase !== 'idle' && phase !== 'ended') return 'in_a_room';
    const who = /** @type {{room?: string, username?: string}} */ ({ room, username });
    this.#actions.join(who, /** @type {{microphone?: boolean, camera?: boolean}} */ ({ microphone, camera }));
    return '';
  }

  /** @param {Record<string, unknown>} command */
  #turn({ type, on }) {
    const what = SWITCHES.find((one) => one === type);
    if (!what) return 'unknown_command';
    if (on !== undefined && typeof on !== 'boolean') return 'bad_command';
    if (!this.#last || !inside(this.#last)) return 'not_in_a_room';
    this.#actions.turn(what, on ?? !this.#last.on[what]);
    return '';
  }
}

/** Names and messages are shorter; the server says so. @param {unknown} value @returns {value is string} */
function isText(value) {
  return typeof value === 'string' && value.length <= 4096;
}
