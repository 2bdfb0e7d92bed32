/**
 * One visit to a room: joins the socket, the media link and the person's own
 * devices, and shows the whole as one value. Knows no elements; a program of
 * somebody else can drive a room with this file, protocol/ and media/ alone.
 */

import { Absence } from './absence.js';
import { PeerLink } from './media/peerlink.js';
import { Repair } from './media/repair.js';
import { Uplink } from './media/uplink.js';
import { happenings } from './protocol/happenings.js';
import { unanswered } from './protocol/pendingchat.js';
import { SignalSocket } from './protocol/socket.js';
import { EMPTY, reduce } from './protocol/roomstate.js';
import { ViewSync } from './protocol/viewsync.js';

/** @typedef {import('./protocol/messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./protocol/messages.js').Source} Source */
/** @typedef {import('./media/localmedia.js').LocalState} LocalState */

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
 * @property {readonly string[]} pendingChat  sent, but not yet seen to come back
 * @property {ReadonlyMap<string, MediaStream>} streams  remote tracks by mid
 * @property {number|null} uplink  1 (unusable) to 5 (perfect): how well we reach the server; null: unknown
 * @property {import('./protocol/ending.js').Ending|null} ending
 */

/**
 * Something worth telling a person once.
 *
 * @typedef {import('./protocol/happenings.js').Happening | {kind: 'error', text: string}
 *   | {kind: 'moderated', told: import('./protocol/moderation.js').Moderated}
 *   | {kind: 'permissions', before: import('./protocol/messages.js').Permissions, now: import('./protocol/messages.js').Permissions}
 *   | ({kind: 'back'} & import('./absence.js').Return) | {kind: 'chat', message: import('./protocol/messages.js').ChatMessage}} Notice
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
 * @typedef {object} SessionOptions
 * @property {string} url        ws: or wss: address of the signalling endpoint
 * @property {(who: {room: string, username: string}, signal: AbortSignal) =>
 *   Promise<import('./protocol/validate.js').Admission|import('./protocol/validate.js').Refusal>} validate
 * @property {boolean} webrtc    false: chat only, offers are left unanswered
 * @property {() => void} onChange
 * @property {(notice: Notice) => void} onNotice
 * @property {(mark: string) => void} [onMark]   moments of the way to the first frame
 * @property {(welcome: import('./protocol/messages.js').Welcome) => void} [onWelcome]
 * @property {(ending: import('./protocol/ending.js').Ending) => void} [onEnd]
 * @property {(url: string) => WebSocket} [openSocket]                               for tests
 * @property {(configuration: RTCConfiguration) => RTCPeerConnection} [createLink]   for tests
 * @property {Partial<Clock>} [clock]                                                for tests
 */

/**
 * @typedef {object} Clock
 * @property {(run: () => void, ms: number) => any} setTimer
 * @property {(timer: any) => void} clearTimer
 * @property {() => number} now    milliseconds since 1970
 * @property {() => number} random from 0 to 1
 */

/** How long to wait before provoking a new offer when media did not connect; doubled each time. */
const MEDIA_RETRY_MS = 2000;
const MEDIA_RETRY_CAP_MS = 60000;

export class Session {
  #options;
  #link;
  #repair;
  #views;
  /** @type {Clock} */
  #clock;
  #absence = new Absence();
  #uplink = new Uplink();
  /** @type {SignalSocket|null} */
  #socket = null;
  /** @type {SessionState} */
  #state = {
    phase: 'idle',
    media: 'new',
    away: null,
    mediaTrouble: false,
    room: EMPTY,
    hand: false,
    lobby: false,
    pendingChat: [],
    streams: new Map(),
    uplink: null,
    ending: null,
  };
  #who = { room: '', username: '' };
  #resumeToken = '';
  /** Number of the last attempt to connect: the server knows by it which of them is the latest. */
  #attempt = 0;
  /** Id of the last chat message that an earlier life of the page has shown. */
  #lastChat = '';
  /** A name that was chosen while no socket was open. */
  #newName = '';
  #announced = { microphone: false, camera: false };
  /** @type {Set<Source>} tracks of the screen that we have; the server is asked for their m-lines */
  #extra = new Set();
  /** @type {Set<Source>} those the server has been asked about */
  #asked = new Set();
  /** @type {RTCIceCandidateInit[]} found while no socket was open */
  #unsent = [];
  #mediaRetryMs = MEDIA_RETRY_MS;
  /** @type {any} */
  #mediaRetry = null;

  /** @param {SessionOptions} options */
  constructor(options) {
    this.#options = options;
    this.#clock = {
      setTimer: (run, ms) => setTimeout(run, ms),
      clearTimer: (timer) => clearTimeout(timer),
      now: () => Date.now(),
      random: Math.random,
      ...options.clock,
    };
    this.#views = new ViewSync((tracks) => this.#socket?.send('view', { tracks }) ?? false);
    this.#repair = new Repair({
      received: () => this.#link.received(),
      // Both are silent then: that the network is the same no longer is likely, and a second is patience enough.
      alive: async () => (await this.#socket?.check(1000)) ?? false,
      restart: () => this.#socket?.send('restart'),
      ...this.#clock,
    });
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
      onFailed: () => this.#repair.now(),
      onReports: (reports) => this.#reports(reports),
      onError: (error) => console.warn('aq: media negotiation:', error),
      ...(options.createLink && { create: options.createLink }),
      ...this.#clock,
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
   * @param {Past|null} [past] goes on with the visit of an earlier life of this page
   */
  join(who, past = null) {
    if (this.#state.phase !== 'idle' && this.#state.phase !== 'ended') return;
    this.#mark('click');
    const sameRoom = this.#state.room.room !== '' && this.#who.room === who.room;
    this.#who = who;
    this.#resumeToken = past?.token ?? '';
    this.#lastChat = past?.lastChat ?? '';
    this.#attempt = Math.max(this.#attempt, past?.at ?? 0);
    const chat = sameRoom ? this.#state.room.chat : [];
    if (past) {
      this.#update({
        phase: 'reconnecting',
        away: { since: this.#clock.now(), cause: 'page' },
        ending: null,
        hand: past.hand,
        pendingChat: past.pendingChat,
        room: { ...EMPTY, ...who, peerId: past.peerId },
      });
    } else {
      this.#update({ phase: 'joining', ending: null, room: { ...EMPTY, chat } });
    }
    const socket = new SignalSocket({
      url: this.#options.url,
      parameters: () => this.#parameters(),
      validate: (signal) => this.#options.validate(this.#who, signal),
      inside: past !== null,
      onMessage: (message) => this.#receive(message),
      onState: () => this.#socketState(),
      onEnd: (ending) => this.#ended(ending),
      ...(this.#options.openSocket && { open: this.#options.openSocket }),
      ...this.#clock,
    });
    this.#socket = socket;
    socket.connect();
  }

  leave() {
    this.#socket?.leave();
  }

  /** The page is closed or loaded again, or is kept by the browser and may come `back`. */
  away() {
    this.#socket?.away();
  }

  /** The page that went away is shown again. */
  back() {
    this.#socket?.back();
  }

  /** The person asked, or the network is back: try everything now. */
  retryNow() {
    this.#socket?.retryNow();
    this.#socket?.check();
    this.#link.doubt();
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
    this.#ask(source);
  }

  /** Asks the server for the m-line of a source that we have, or gives it back. @param {Source} source */
  #ask(source) {
    const have = this.#extra.has(source);
    if (!this.#socket?.send(have ? 'publish' : 'unpublish', { source, kind: source === 'screen' ? 'video' : 'audio' })) return;
    this.#asked.add(source);
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
    this.#newName = this.#socket?.send('state', { username }) ? '' : username;
  }

  /** Sends a chat message; it is sent again if the connection is lost before it came back. @param {string} text */
  sendChat(text) {
    this.#update({ pendingChat: [...this.#state.pendingChat, text] });
    // Its echo may not come because the socket leads nowhere; then that is found out now.
    if (this.#socket?.send('chat', text)) this.#socket.check();
  }

  /** @param {import('./protocol/moderation.js').Moderate} deed */
  moderate(deed) {
    this.#socket?.send('moderate', deed);
  }

  /** @param {{peer_id: string, admit: boolean}} answer */
  admit(answer) {
    this.#socket?.send('admit', answer);
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
    this.#attempt = Math.max(this.#attempt + 1, Math.round(this.#clock.now()));
    /** @type {Record<string, string>} */
    const query = { room: this.#who.room, username: room.username || this.#who.username, protocol: '1' };
    query.attempt = String(this.#attempt);
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
    for (const happening of happenings(before, message)) this.#options.onNotice(happening);
    switch (message.event) {
      case 'welcome':
        this.#welcome(message.data, before);
        break;
      case 'tracks':
        this.#link.setPublish(message.data.publish);
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
      case 'lobby':
        this.#update({ lobby: true });
        break;
      case 'moderated':
        this.#options.onNotice({ kind: 'moderated', told: message.data });
        break;
      case 'permissions':
        this.#options.onNotice({ kind: 'permissions', before: before.permissions, now: message.data });
        break;
      case 'error':
        this.#error(message.data);
    }
  }

  /**
   * @param {import('./protocol/messages.js').Welcome} welcome
   * @param {import('./protocol/roomstate.js').RoomState} before
   */
  #welcome(welcome, before) {
    this.#mark('welcome');
    this.#resumeToken = welcome.resume?.token ?? '';
    if (!welcome.resumed && this.#link.alive) this.#link.drop();
    this.#link.configure(welcome.iceServers);
    if (this.#options.webrtc) this.#link.prepare();
    this.#update({ phase: 'joined', away: null, ending: null, lobby: false });
    // What is muted is off, and saying otherwise would end the mute.
    const off = (/** @type {'microphone'|'camera'} */ source) => this.#announced[source] && !welcome.muted.includes(source);
    this.#announced = { microphone: off('microphone'), camera: off('camera') };
    const name = this.#newName ? { username: this.#newName } : {};
    this.#newName = '';
    this.#socket?.send('state', { ...this.#announced, hand: this.#state.hand, ...name });
    if (!welcome.resumed) {
      this.#unsent = [];
      this.#asked.clear();
    }
    // What was sent last may not have arrived: all of it is said again, which changes nothing where it has.
    for (const source of new Set([...this.#extra, ...this.#asked])) this.#ask(source);
    for (const candidate of this.#unsent.splice(0)) this.#socket?.send('candidate', candidate);
    this.#views.forget();
    this.#views.flush();
    this.#repair.now();
    const lastSeen = before.chat.at(-1)?.id ?? this.#lastChat;
    const pendingChat = unanswered(this.#state.pendingChat, welcome.chat, [before.peerId, welcome.peer_id], lastSeen);
    this.#update({ pendingChat });
    for (const text of pendingChat) this.#socket?.send('chat', text);
    this.#options.onWelcome?.(welcome);
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
      this.#clock.clearTimer(this.#mediaRetry);
      this.#mediaRetry = this.#clock.setTimer(() => this.#nudge(), this.#mediaRetryMs);
      this.#mediaRetryMs = Math.min(this.#mediaRetryMs * 2, MEDIA_RETRY_CAP_MS);
      return;
    }
    console.warn(`aq: the server refused ${error.event}: ${error.code}: ${error.message}`);
    if (error.event === 'chat') this.#update({ pendingChat: this.#state.pendingChat.slice(1) });
    if (['chat', 'publish', 'state', 'moderate', 'admit'].includes(error.event)) this.#options.onNotice({ kind: 'error', text: error.message });
  }

  #newLink() {
    this.#link.drop();
    this.#link.prepare();
    this.#repair.stop();
    this.#unsent = [];
  }

  /** Anything we send makes the server offer again. */
  #nudge() {
    this.#clock.clearTimer(this.#mediaRetry);
    this.#socket?.send('state', this.#announced);
  }

  /** @param {import('./media/peerlink.js').LinkState} media */
  #linkState(media) {
    if (media !== 'connected') this.#uplink.reset(this.#clock.now());
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

  /** @param {any[]} reports */
  #reports(reports) {
    this.#uplink.add(reports, this.#clock.now());
    if (this.#uplink.score !== this.#state.uplink) this.#update({ uplink: this.#uplink.score });
  }

  /** The socket has another state. */
  #socketState() {
    const { phase, away } = this.#state;
    const socket = this.#socket;
    if (!socket || socket.state === 'open' || socket.state === 'closed') return;
    const cause = socket.restarting ? 'restart' : socket.state === 'away' ? 'page' : 'lost';
    if (phase === 'joined') this.#update({ phase: 'reconnecting', away: { since: this.#clock.now(), cause } });
    else if (away && socket.restarting) this.#update({ away: { ...away, cause } });
  }

  /** @param {import('./protocol/ending.js').Ending} ending */
  #ended(ending) {
    this.#socket = null;
    this.#repair.stop();
    this.#clock.clearTimer(this.#mediaRetry);
    this.#absence.reset();
    this.#link.drop();
    if (this.#options.webrtc) this.#link.prepare();
    this.#unsent = [];
    this.#views.forget();
    this.#asked.clear();
    this.#resumeToken = '';
    this.#newName = '';
    this.#update({
      phase: 'ended',
      away: null,
      ending,
      hand: false,
      lobby: false,
      mediaTrouble: false,
      pendingChat: [],
      room: { ...EMPTY, room: this.#state.room.room, username: this.#state.room.username, chat: this.#state.room.chat },
    });
    this.#options.onEnd?.(ending);
  }

  /** @param {string} name */
  #mark(name) {
    this.#options.onMark?.(name);
  }

  /** @param {Partial<SessionState>} change */
  #update(change) {
    this.#state = { ...this.#state, ...change };
    if ('phase' in change || 'media' in change) this.#noteAbsence();
    this.#options.onChange();
  }

  #noteAbsence() {
    const { phase, media, mediaTrouble } = this.#state;
    if (phase === 'ended') return;
    const there = { call: phase === 'joined', media: !this.#options.webrtc || (media === 'connected' && !mediaTrouble) };
    const back = this.#absence.note(there, this.#clock.now());
    if (back) this.#options.onNotice({ kind: 'back', ...back });
  }
}
