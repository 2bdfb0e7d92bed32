/**
 * One visit to a room: joins the socket, the media link and the person's own
 * devices, and shows the whole as one value. Knows no elements; a program of
 * somebody else can drive a room with this file, protocol/ and media/ alone.
 */

import { PeerLink } from './media/peerlink.js';
import { Repair } from './media/repair.js';
import { SignalSocket } from './protocol/socket.js';
import { EMPTY, reduce } from './protocol/roomstate.js';
import { ViewSync } from './protocol/viewsync.js';

/** @typedef {import('./protocol/messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./protocol/messages.js').Source} Source */
/** @typedef {import('./media/localmedia.js').LocalState} LocalState */

/** @typedef {'idle'|'joining'|'joined'|'reconnecting'|'ended'} Phase */

/**
 * @typedef {object} SessionState
 * @property {Phase} phase
 * @property {import('./media/peerlink.js').LinkState} media
 * @property {boolean} mediaTrouble  media could not be connected at all, and is being tried again
 * @property {import('./protocol/roomstate.js').RoomState} room
 * @property {boolean} hand
 * @property {readonly string[]} pendingChat  sent, but not yet seen to come back
 * @property {ReadonlyMap<string, MediaStream>} streams  remote tracks by mid
 * @property {import('./protocol/ending.js').Ending|null} ending
 */

/**
 * Something worth telling a person once.
 *
 * @typedef {{kind: 'joined'|'left'|'hand'|'screen', name: string} | {kind: 'error', text: string}
 *   | {kind: 'chat', message: import('./protocol/messages.js').ChatMessage}} Notice
 */

/**
 * @typedef {object} SessionOptions
 * @property {string} url        ws: or wss: address of the signalling endpoint
 * @property {(who: {room: string, username: string}) =>
 *   Promise<import('./protocol/validate.js').Admission|import('./protocol/validate.js').Refusal>} validate
 * @property {boolean} webrtc    false: chat only, offers are left unanswered
 * @property {() => void} onChange
 * @property {(notice: Notice) => void} onNotice
 * @property {(mark: string) => void} [onMark]   moments of the way to the first frame
 * @property {(welcome: import('./protocol/messages.js').Welcome) => void} [onWelcome]
 * @property {(ending: import('./protocol/ending.js').Ending) => void} [onEnd]
 * @property {Partial<import('./protocol/socket.js').SocketOptions>} [socket]      for tests
 * @property {Partial<import('./media/peerlink.js').PeerLinkOptions>} [peerLink]   for tests
 */

/** How long to wait before provoking a new offer when media did not connect; doubled each time. */
const MEDIA_RETRY_MS = 2000;
const MEDIA_RETRY_CAP_MS = 60000;

export class Session {
  #options;
  #link;
  #repair;
  #views;
  /** @type {SignalSocket|null} */
  #socket = null;
  /** @type {SessionState} */
  #state = {
    phase: 'idle',
    media: 'new',
    mediaTrouble: false,
    room: EMPTY,
    hand: false,
    pendingChat: [],
    streams: new Map(),
    ending: null,
  };
  #who = { room: '', username: '' };
  #resumeToken = '';
  #announced = { microphone: false, camera: false };
  /** @type {Set<Source>} tracks of the screen that we have; the server is asked for their m-lines */
  #extra = new Set();
  /** @type {RTCIceCandidateInit[]} found while no socket was open */
  #unsent = [];
  #mediaRetryMs = MEDIA_RETRY_MS;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #mediaRetry;

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#views = new ViewSync((tracks) => this.#socket?.send('view', { tracks }) ?? false);
    this.#repair = new Repair(() => this.#socket?.send('restart'));
    this.#link = new PeerLink({
      onAnswer: (answer, offerId) => {
        this.#socket?.send('answer', answer, offerId ? { offer_id: offerId } : {});
        this.#mark('answer');
      },
      onCandidate: (candidate) => {
        if (!this.#socket?.send('candidate', candidate)) this.#unsent.push(candidate);
      },
      onReceivers: () => this.#update({ streams: this.#link.receivers }),
      onState: (state) => this.#linkState(state),
      onError: (error) => console.warn('aq: media negotiation:', error),
      ...options.peerLink,
    });
    if (options.webrtc) this.#link.prepare();
  }

  /** @returns {SessionState} */
  get state() {
    return this.#state;
  }

  /** The server's moments and figures about the connection. @returns {Promise<RTCStatsReport|null>} */
  stats() {
    return this.#link.stats();
  }

  /**
   * Joins a room. May be called again after the visit has ended.
   *
   * @param {{room: string, username: string}} who
   * @param {string} [resumeToken] left behind by an earlier life of this page
   */
  join(who, resumeToken = '') {
    if (this.#state.phase !== 'idle' && this.#state.phase !== 'ended') return;
    this.#mark('click');
    const sameRoom = this.#state.room.room !== '' && this.#who.room === who.room;
    this.#who = who;
    if (resumeToken) this.#resumeToken = resumeToken;
    this.#update({ phase: 'joining', ending: null, room: sameRoom ? { ...EMPTY, chat: this.#state.room.chat } : EMPTY });
    const socket = new SignalSocket({
      url: this.#options.url,
      parameters: () => this.#parameters(),
      validate: () => this.#options.validate(this.#who),
      onMessage: (message) => this.#receive(message),
      onState: (state) => {
        if (state === 'connecting' || state === 'waiting') this.#disconnected();
      },
      onEnd: (ending) => this.#ended(ending),
      ...this.#options.socket,
    });
    this.#socket = socket;
    socket.connect();
  }

  leave() {
    this.#socket?.leave();
  }

  /** The network is back, or the person asked: try everything now. */
  retryNow() {
    this.#socket?.retryNow();
    this.#repair.now();
    if (this.#state.mediaTrouble) this.#nudge();
  }

  /**
   * Hands over one of the person's own tracks, or takes it back.
   *
   * @param {Source} source
   * @param {MediaStreamTrack|null} track
   */
  setTrack(source, track) {
    this.#link.setTrack(source, track);
    if (source !== 'screen' && source !== 'screen_audio') return;
    if (track) this.#extra.add(source);
    else this.#extra.delete(source);
    this.#socket?.send(track ? 'publish' : 'unpublish', { source, kind: source === 'screen' ? 'video' : 'audio' });
  }

  /** Tells the others which devices are on. @param {{microphone: boolean, camera: boolean}} on */
  setDevices({ microphone, camera }) {
    if (microphone === this.#announced.microphone && camera === this.#announced.camera) return;
    this.#announced = { microphone, camera };
    this.#socket?.send('state', this.#announced);
  }

  /** @param {boolean} hand */
  setHand(hand) {
    this.#update({ hand });
    this.#socket?.send('state', { hand });
  }

  /** @param {string} username */
  rename(username) {
    this.#socket?.send('state', { username });
  }

  /** Sends a chat message; it is sent again if the connection is lost before it came back. @param {string} text */
  sendChat(text) {
    this.#update({ pendingChat: [...this.#state.pendingChat, text] });
    this.#socket?.send('chat', text);
  }

  /** How the tracks are shown now, in device pixels. @param {import('./protocol/messages.js').ViewEntry[]} entries */
  setViews(entries) {
    this.#views.set(entries);
  }

  /** While in the background all video is hidden. @param {boolean} background */
  setBackground(background) {
    this.#views.setBackground(background);
  }

  #parameters() {
    const { room } = this.#state;
    /** @type {Record<string, string>} */
    const query = { room: this.#who.room, username: room.username || this.#who.username, protocol: '1' };
    if (this.#resumeToken) {
      query.resume = this.#resumeToken;
      query.media = this.#link.alive ? 'keep' : 'new';
      const last = room.chat.at(-1);
      if (last) query.last_chat = last.id;
    }
    return query;
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    const before = this.#state.room;
    const room = reduce(before, message);
    if (room !== before) this.#update({ room });
    switch (message.event) {
      case 'welcome':
        this.#welcome(message.data);
        break;
      case 'tracks':
        this.#link.setPublish(message.data.publish);
        this.#screenNotices(before, message.data.tracks);
        break;
      case 'offer':
        this.#mark('offer');
        if (this.#options.webrtc) this.#link.offer(message.data, message.offerId);
        break;
      case 'candidate':
        this.#link.candidate(message.data);
        break;
      case 'layers':
        this.#link.setLayers(message.data);
        break;
      case 'chat':
        this.#chat(message.data);
        break;
      case 'error':
        this.#error(message.data);
        break;
      case 'peer_joined':
      case 'peer_updated':
      case 'peer_left':
        this.#peerNotice(before, message);
    }
  }

  /** @param {import('./protocol/messages.js').Welcome} welcome */
  #welcome(welcome) {
    this.#mark('welcome');
    const hadToken = this.#resumeToken !== '';
    this.#resumeToken = welcome.resume?.token ?? '';
    if (!welcome.resumed && this.#link.alive) this.#link.drop();
    this.#link.configure(welcome.iceServers);
    if (this.#options.webrtc) this.#link.prepare();
    this.#update({ phase: 'joined', ending: null });
    this.#socket?.send('state', { ...this.#announced, hand: this.#state.hand });
    if (!welcome.resumed) {
      this.#unsent = [];
      this.#views.forget();
      for (const source of this.#extra) {
        this.#socket?.send('publish', { source, kind: source === 'screen' ? 'video' : 'audio' });
      }
    }
    for (const candidate of this.#unsent.splice(0)) this.#socket?.send('candidate', candidate);
    this.#views.flush();
    if (hadToken && this.#link.state === 'lost') this.#repair.now();
    this.#resendChat(welcome);
    this.#options.onWelcome?.(welcome);
  }

  /** @param {import('./protocol/messages.js').Welcome} welcome */
  #resendChat(welcome) {
    const mine = welcome.chat.filter((m) => m.from === welcome.peer_id).map((m) => m.message);
    const pending = this.#state.pendingChat.filter((text) => {
      const index = mine.indexOf(text);
      if (index >= 0) mine.splice(index, 1);
      return index < 0;
    });
    this.#update({ pendingChat: pending });
    for (const text of pending) this.#socket?.send('chat', text);
  }

  /** @param {import('./protocol/messages.js').ChatMessage} message */
  #chat(message) {
    if (message.from === this.#state.room.peerId) {
      const index = this.#state.pendingChat.indexOf(message.message);
      if (index >= 0) this.#update({ pendingChat: this.#state.pendingChat.filter((_, i) => i !== index) });
    } else {
      this.#options.onNotice({ kind: 'chat', message });
    }
  }

  /** @param {import('./protocol/messages.js').ServerError} error */
  #error(error) {
    if (error.code === 'media_not_connected') {
      this.#newLink();
      this.#update({ mediaTrouble: true });
      clearTimeout(this.#mediaRetry);
      this.#mediaRetry = setTimeout(() => this.#nudge(), this.#mediaRetryMs);
      this.#mediaRetryMs = Math.min(this.#mediaRetryMs * 2, MEDIA_RETRY_CAP_MS);
      return;
    }
    console.warn(`aq: the server refused ${error.event}: ${error.code}: ${error.message}`);
    if (error.event === 'chat') this.#update({ pendingChat: this.#state.pendingChat.slice(1) });
    if (['chat', 'publish', 'state'].includes(error.event)) this.#options.onNotice({ kind: 'error', text: error.message });
  }

  #newLink() {
    this.#link.drop();
    this.#link.prepare();
    this.#repair.stop();
    this.#unsent = [];
  }

  /** Anything we send makes the server offer again. */
  #nudge() {
    clearTimeout(this.#mediaRetry);
    this.#socket?.send('state', this.#announced);
  }

  /** @param {import('./media/peerlink.js').LinkState} media */
  #linkState(media) {
    if (media === 'connected') {
      this.#mark('connected');
      this.#repair.stop();
      this.#mediaRetryMs = MEDIA_RETRY_MS;
      this.#update({ media, mediaTrouble: false });
      return;
    }
    if (media === 'lost') this.#repair.start();
    else if (media === 'new') this.#repair.stop();
    this.#update({ media });
  }

  #disconnected() {
    if (this.#state.phase === 'joined') this.#update({ phase: 'reconnecting' });
  }

  /** @param {import('./protocol/ending.js').Ending} ending */
  #ended(ending) {
    this.#socket = null;
    this.#repair.stop();
    clearTimeout(this.#mediaRetry);
    this.#link.drop();
    if (this.#options.webrtc) this.#link.prepare();
    this.#unsent = [];
    this.#views.forget();
    this.#resumeToken = '';
    this.#update({
      phase: 'ended',
      ending,
      hand: false,
      mediaTrouble: false,
      pendingChat: [],
      room: { ...EMPTY, room: this.#state.room.room, username: this.#state.room.username, chat: this.#state.room.chat },
    });
    this.#options.onEnd?.(ending);
  }

  /** @param {import('./protocol/roomstate.js').RoomState} before @param {ServerMessage} message */
  #peerNotice(before, message) {
    if (message.event === 'peer_left') {
      if (before.peers.has(message.data.peer_id)) this.#options.onNotice({ kind: 'left', name: message.data.username });
    } else if (message.event === 'peer_joined' || message.event === 'peer_updated') {
      const { peer_id: id, username: name, state } = message.data;
      if (id === before.peerId) return;
      const known = before.peers.get(id);
      if (!known) this.#options.onNotice({ kind: 'joined', name });
      else if (state.hand && !known.state.hand) this.#options.onNotice({ kind: 'hand', name });
    }
  }

  /** @param {import('./protocol/roomstate.js').RoomState} before @param {import('./protocol/messages.js').TrackEntry[]} now */
  #screenNotices(before, now) {
    const had = new Set(before.tracks.tracks.map((t) => t.track_id));
    for (const track of now) {
      const peer = before.peers.get(track.peer_id);
      if (track.source === 'screen' && peer && !had.has(track.track_id)) {
        this.#options.onNotice({ kind: 'screen', name: peer.username });
      }
    }
  }

  /** @param {string} name */
  #mark(name) {
    this.#options.onMark?.(name);
  }

  /** @param {Partial<SessionState>} change */
  #update(change) {
    this.#state = { ...this.#state, ...change };
    this.#options.onChange();
  }
}
