/**
 * A room of an AQ Server in a page of your own. docs/embedding.md shows how.
 *
 *     import { joinRoom } from 'https://meet.example.org/aq_server/aq-client.js';
 *
 *     const room = await joinRoom({ room: 'demo', username: 'Alice', microphone: true, camera: true });
 *     room.on('peer', ({ change, peer }) => {
 *       if (change === 'joined') room.attach(peer.id, document.body.appendChild(document.createElement('video')));
 *     });
 *     room.chat('Hello');
 *
 * It comes back by itself after a lost connection, plays what the others say, and
 * has the server send pictures only as large as they are shown. These are the
 * modules of the built-in page; what is not wrapped here is in `room.session` and
 * `room.media`.
 */

import { Attachments } from './client/attachments.js';
import { fileChanges, peerChanges, peersOf, trackChanges, tracksOf } from './client/facts.js';
import { Playback } from './client/playback.js';
import { obey } from './page/discipline.js';
import { watchDoubts } from './page/doubts.js';
import { LocalMedia } from './media/localmedia.js';
import { support } from './media/support.js';
import { chatSince } from './protocol/roomstate.js';
import { validate } from './protocol/validate.js';
import { Session } from './session.js';

/** @typedef {import('./client/facts.js').Peer} Peer */
/** @typedef {import('./client/facts.js').RemoteTrack} RemoteTrack */
/** @typedef {import('./protocol/messages.js').ChatMessage} ChatMessage */
/** @typedef {import('./media/devices.js').DeviceProblem} DeviceProblem */
/** @typedef {import('./media/filechannel.js').Transfer} Transfer */

/** @typedef {'joining'|'lobby'|'joined'|'reconnecting'|'ended'} RoomState  lobby: waiting to be let in */

/**
 * @typedef {object} JoinOptions
 * @property {string} room
 * @property {string} [username]    missing: the server makes one up
 * @property {string} [server]      its address; missing: where this module comes from
 * @property {string} [token]       with AUTH=jwt
 * @property {boolean} [microphone] opens it, which makes the browser ask; missing: no
 * @property {boolean} [camera]
 * @property {boolean} [audio]      false: you play the sound yourself, from the `track` events
 * @property {AbortSignal} [signal] gives the attempt up, or leaves
 * @property {(room: Room) => void} [onRoom]  gets the room before anybody is in it, for events from the first one on and for the lobby
 */

/**
 * The detail of each event.
 *
 * @typedef {object} RoomEvents
 * @property {{change: 'joined'|'updated'|'left', peer: Peer}} peer
 * @property {RemoteTrack} track
 * @property {ChatMessage} chat               also our own, as they come back
 * @property {{state: RoomState, media: import('./media/peerlink.js').LinkState}} state
 * @property {{peerId: string, emoji: string}} reaction   also our own
 * @property {Transfer} file                  somebody offers one, or something about one has changed, bytes a few times a second
 * @property {{peerId: string, level: number}[]} speakers   loudest first; level: 0 to 1
 * @property {{on: {microphone: boolean, camera: boolean, screen: boolean}, problems: {microphone: DeviceProblem|null, camera: DeviceProblem|null}}} devices
 * @property {import('./protocol/moderation.js').Moderated} moderated   what a moderator did to us; the device is off already
 * @property {import('./protocol/messages.js').Permissions} permissions  what we may do now
 * @property {{text: string}} notice          a word of the administrator
 * @property {{code: string, message: string}} error  the server refused something
 * @property {{blocked: boolean}} audio       the browser refuses to play sound before a click; then call `startAudio`
 * @property {{code: string, message: string, rejoin: boolean}} ended
 */

/** Why a room was not entered. `code` is stable: those of docs/protocol.md, and `unreachable`, `aborted`. */
export class JoinError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'JoinError';
    this.code = code;
  }
}

/**
 * Enters a room.
 *
 * @param {JoinOptions} options
 * @returns {Promise<Room>} settles when we are in; rejects with a JoinError
 */
export function joinRoom(options) {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted) return reject(new JoinError('aborted', 'given up'));
    const room = new Room(options);
    options.onRoom?.(room);
    room.on('state', ({ state }) => state === 'joined' && resolve(room));
    room.on('ended', ({ code, message }) => reject(new JoinError(signal?.aborted ? 'aborted' : code, message)));
    signal?.addEventListener('abort', () => room.leave(), { once: true });
    room.enter();
  });
}

/** After so long in the background nobody watches, and video is stopped. */
const BACKGROUND_MS = 10000;

/** One visit to a room; made by `joinRoom`. */
export class Room extends EventTarget {
  /** The layer below: everything that the page can do. @type {Session} */
  session;
  /** Our own devices. @type {LocalMedia} */
  media;
  #options;
  #attachments;
  /** @type {Playback|null} */
  #playback;
  #ended = new AbortController();
  /** @type {RoomState} */
  #state = 'joining';
  /** What was told last. */
  #told;
  /** @type {string} */
  #toldDevices = '';
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #hiding;

  /** @param {JoinOptions} options */
  constructor(options) {
    super();
    this.#options = options;
    const can = support();
    this.media = new LocalMedia({
      secure: can.secure,
      onChange: () => this.#devicesChanged(),
      onTrack: (source, track) => this.session.setTrack(source, track),
    });
    const base = options.server ? new URL('/aq_server/', options.server) : new URL('./', import.meta.url);
    const socket = new URL('websocket', base);
    socket.protocol = base.protocol === 'https:' ? 'wss:' : 'ws:';
    const { token } = options;
    this.session = new Session({
      url: socket.href,
      validate: (who, signal) => validate(new URL('validate', base).href, who, { signal, apart: true, token }),
      openSocket: (url) => new WebSocket(url, token ? ['aq', `bearer.${token}`] : []),
      webrtc: can.webrtc,
      onChange: () => this.#changed(),
      onNotice: (notice) => this.#noticed(notice),
      onWelcome: ({ muted }) => obey(muted, this.media),
      onEnd: (ending) => this.#end(ending),
    });
    this.#told = this.#facts();
    this.#attachments = new Attachments({ onViews: (views) => this.session.setViews(views), scale: () => devicePixelRatio || 1 });
    this.#playback = options.audio === false ? null : new Playback(document, (blocked) => this.#emit('audio', { blocked }));
  }

  /** Begins; `joinRoom` does this. */
  enter() {
    const { room, username = '', microphone = false, camera = false } = this.#options;
    const { connection } = /** @type {{connection?: EventTarget & {type?: string}}} */ (navigator);
    const world = { window, document, connection, now: Date.now, setInterval: window.setInterval.bind(window), clearInterval: window.clearInterval.bind(window) };
    watchDoubts(() => this.session.retryNow(), world, this.#ended.signal);
    document.addEventListener('visibilitychange', () => this.#visibility(), { signal: this.#ended.signal });
    this.session.join({ room, username });
    // Not waited for: the person at the browser's question may take his time.
    if (microphone || camera) this.media.open({ microphone, camera });
  }

  /** The room's name. @returns {string} */
  get name() {
    return this.session.state.room.room;
  }

  /** Our own id. @returns {string} */
  get peerId() {
    return this.session.state.room.peerId;
  }

  /** Our own name. @returns {string} */
  get username() {
    return this.session.state.room.username;
  }

  /** @returns {RoomState} */
  get state() {
    return this.#state;
  }

  /** The others, in the order they came. @returns {Peer[]} */
  get peers() {
    return [...peersOf(this.session.state).values()];
  }

  /** What is sent to us now. @returns {RemoteTrack[]} */
  get tracks() {
    return [...tracksOf(this.session.state).values()].map(({ trackId: _, ...track }) => track);
  }

  /** What was written, also before we came. @returns {readonly ChatMessage[]} */
  get messages() {
    return this.session.state.room.chat;
  }

  /** What we may do. @returns {import('./protocol/messages.js').Permissions} */
  get permissions() {
    return this.session.state.room.permissions;
  }

  /** Which of our devices are on, and what is wrong with them. @returns {RoomEvents['devices']} */
  get devices() {
    const { on, problems } = this.media.state;
    return { on, problems };
  }

  /**
   * Listens to an event. `addEventListener` does as well, with the same in `event.detail`.
   *
   * @template {keyof RoomEvents} T
   * @param {T} type
   * @param {(detail: RoomEvents[T]) => void} listener
   * @returns {() => void} ends it
   */
  on(type, listener) {
    const heard = (/** @type {Event} */ event) => listener(/** @type {CustomEvent<RoomEvents[T]>} */ (event).detail);
    this.addEventListener(type, heard);
    return () => this.removeEventListener(type, heard);
  }

  /**
   * Shows somebody in a `<video>`, now and whenever there is a picture, for as
   * long as this is not undone. The server sends it as large as the element is,
   * and not at all while it is out of sight. Our own `peerId` shows our camera.
   *
   * @param {string} peerId
   * @param {HTMLVideoElement} video  is muted: the sound is played apart
   * @param {'camera'|'screen'} [source]
   * @returns {() => void} undoes it
   */
  attach(peerId, video, source = 'camera') {
    return this.#attachments.attach(peerId, video, source);
  }

  /**
   * For who draws a picture from a `track` event without `attach`: asks for it in
   * this size. Without either it is not sent.
   *
   * @param {string} peerId
   * @param {{width: number, height: number}|null} size  in device pixels; null: not any more
   * @param {'camera'|'screen'} [source]
   */
  view(peerId, size, source = 'camera') {
    this.#attachments.size(peerId, source, size);
  }

  /**
   * Writes to everybody, or to one person alone. It is sent again if the connection
   * breaks before it has come back.
   *
   * @param {string} text
   * @param {string} [to]  peer id
   */
  chat(text, to = '') {
    this.session.sendChat(text, to);
  }

  /** Shows everybody an emoji for a moment. @param {string} emoji  one of those of docs/protocol.md */
  react(emoji) {
    this.session.react(emoji);
  }

  /** Files on offer, on their way and there, the oldest first. @returns {readonly Transfer[]} */
  get files() {
    return this.session.state.files;
  }

  /**
   * Offers a file to everybody who is here, or to one person. It is sent to those
   * who accept it, and never kept by the server; `file` tells how it goes.
   *
   * @param {File} file
   * @param {string} [to]  peer id
   * @returns {string} its key
   */
  offerFile(file, to = '') {
    return this.session.files.offer(file, to).key;
  }

  /** Takes a file that is offered: its `blob` is there when its state is `done`. @param {string} key */
  acceptFile(key) {
    this.session.files.accept(key);
  }

  /** Refuses a file, or ends it: ours for all, that of others for us. @param {string} key */
  cancelFile(key) {
    this.session.files.cancel(key);
  }

  /** @param {boolean} on @returns {Promise<boolean>} whether it is on now; if not, `devices` says why */
  async setMicrophone(on) {
    if (!on || this.#mayTurnOn('microphone')) await this.media.setMicrophone(on);
    return this.media.state.on.microphone;
  }

  /** @param {boolean} on @returns {Promise<boolean>} whether it is on now */
  async setCamera(on) {
    if (!on || this.#mayTurnOn('camera')) await this.media.setCamera(on);
    return this.media.state.on.camera;
  }

  /** Shares the screen or stops; on only from a click. @param {boolean} on @returns {Promise<boolean>} whether it is shared now */
  async setScreen(on) {
    if (!on) this.media.stopScreen();
    else if (!this.media.state.on.screen) await this.media.startScreen();
    return this.media.state.on.screen;
  }

  /** @param {boolean} up */
  setHand(up) {
    this.session.setHand(up);
  }

  /** Plays sound that the browser has refused to; call it from a click. */
  startAudio() {
    this.#playback?.start();
  }

  /** The browser's figures about the connection. @returns {Promise<RTCStatsReport|null>} */
  stats() {
    return this.session.stats();
  }

  /** Leaves, and closes the devices. `ended` follows, with the code `left`. */
  leave() {
    this.session.leave();
  }

  /** Who was muted for good by a moderator stays it. @param {'microphone'|'camera'} source */
  #mayTurnOn(source) {
    const { own, permissions } = this.session.state.room;
    return permissions.publish.includes(source) && !own?.muted.includes(source);
  }

  #visibility() {
    clearTimeout(this.#hiding);
    if (document.hidden) this.#hiding = setTimeout(() => this.session.setBackground(true), BACKGROUND_MS);
    else this.session.setBackground(false);
  }

  #facts() {
    const { phase, lobby, media, room } = this.session.state;
    const state = lobby && phase === 'joining' ? 'lobby' : phase === 'idle' ? 'joining' : phase;
    return {
      state: /** @type {RoomState} */ (state),
      media,
      peers: peersOf(this.session.state),
      tracks: tracksOf(this.session.state),
      chat: room.chat,
      speakers: room.speakers,
      files: this.session.state.files,
    };
  }

  #changed() {
    // The session is not there yet while it is being made.
    if (!this.session) return;
    const before = this.#told;
    const now = this.#facts();
    this.#told = now;
    this.#state = now.state;
    this.#show(now.tracks);
    if (now.state !== before.state || now.media !== before.media) this.#emit('state', { state: now.state, media: now.media });
    for (const change of peerChanges(before.peers, now.peers)) this.#emit('peer', change);
    for (const track of trackChanges(before.tracks, now.tracks)) this.#emit('track', track);
    // What was written before we came is in `messages`.
    if (before.state === 'joined' || before.state === 'reconnecting') for (const message of chatSince(before.chat, now.chat)) this.#emit('chat', message);
    if (now.files !== before.files) for (const file of fileChanges(before.files, now.files)) this.#emit('file', file);
    if (now.speakers !== before.speakers) this.#emit('speakers', [...now.speakers].map(([peerId, level]) => ({ peerId, level })));
  }

  #devicesChanged() {
    if (!this.session) return;
    this.session.setDevices(this.media.state.on);
    this.#show(this.#told.tracks);
    const text = JSON.stringify(this.devices);
    if (text === this.#toldDevices) return;
    this.#toldDevices = text;
    this.#emit('devices', this.devices);
  }

  /** @param {ReturnType<typeof tracksOf>} tracks */
  #show(tracks) {
    /** @type {import('./client/attachments.js').Picture[]} */
    const pictures = [
      { peerId: this.peerId, source: 'camera', trackId: null, stream: this.media.cameraStream },
      { peerId: this.peerId, source: 'screen', trackId: null, stream: this.media.screenStream },
    ];
    for (const { peerId, source, trackId, stream } of tracks.values()) {
      if (source === 'camera' || source === 'screen') pictures.push({ peerId, source, trackId, stream });
    }
    this.#attachments.show(pictures);
    this.#playback?.show(this.session.state.streams);
  }

  /** @param {import('./session.js').Notice} notice */
  #noticed(notice) {
    switch (notice.kind) {
      case 'moderated':
        if (notice.told.action === 'mute' && notice.told.source) obey([notice.told.source], this.media);
        this.#emit('moderated', notice.told);
        break;
      case 'permissions':
        if (!notice.now.publish.includes('screen')) this.media.stopScreen();
        this.#emit('permissions', notice.now);
        break;
      case 'reactions':
        for (const { peer_id: peerId, emoji } of notice.reactions) this.#emit('reaction', { peerId, emoji });
        break;
      case 'told':
        this.#emit('notice', { text: notice.text });
        break;
      case 'error':
        this.#emit('error', { code: notice.error.code, message: notice.error.message });
    }
  }

  /** @param {import('./protocol/ending.js').Ending} ending */
  #end({ code, message, rejoin }) {
    clearTimeout(this.#hiding);
    this.#ended.abort();
    this.#attachments.stop();
    this.#playback?.stop();
    this.media.stop();
    this.#emit('ended', { code, message, rejoin });
  }

  /**
   * @template {keyof RoomEvents} T
   * @param {T} type
   * @param {RoomEvents[T]} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
