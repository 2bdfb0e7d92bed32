/**
 * One visit to a room: joins the socket, the media link and the person's own
 * devices, and shows the whole as one value. Knows no elements; a program of
 * somebody else can drive a room with this file, protocol/ and media/ alone.
 */

import { Absence } from './absence.js';
import { FileChannel } from './media/filechannel.js';
import { MediaSide } from './media/mediaside.js';
import { happenings } from './protocol/happenings.js';
import { OwnState } from './protocol/ownstate.js';
import { PendingChat } from './protocol/pendingchat.js';
import { Publishing } from './protocol/publishing.js';
import { EMPTY, reduce } from './protocol/roomstate.js';
import { SignalSocket } from './protocol/socket.js';
import { Ticket } from './protocol/ticket.js';
import { ViewSync } from './protocol/viewsync.js';
import { IDLE } from './sessionstate.js';

/** @typedef {import('./protocol/messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./protocol/messages.js').Source} Source */
/** @typedef {import('./sessionstate.js').SessionState} SessionState */
/** @typedef {import('./sessionstate.js').Notice} Notice */
/** @typedef {import('./sessionstate.js').Past} Past */
/** @typedef {import('./sessionstate.js').Clock} Clock */

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

export class Session {
  #options;
  #media;
  #views;
  #publishing;
  #own;
  #ticket;
  /** @type {Clock} */
  #clock;
  #absence = new Absence();
  /** @type {SignalSocket|null} */
  #socket = null;
  /** @type {SessionState} */
  #state = IDLE;
  /** Id of the last chat message that an earlier life of the page has shown. */
  #lastChat = '';
  #pending = new PendingChat();
  /** Files between the people of the room: offer, accept, cancel; what becomes of them is in the state. */
  files = new FileChannel({
    send: (event, data) => this.#socket?.send(event, data) ?? false,
    onChange: () => this.#update({ files: this.files.transfers.map((t) => ({ ...t })) }),
    onOffer: (transfer) => this.#options.onNotice({ kind: 'file', transfer }),
  });

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
    this.#publishing = new Publishing((event, data) => this.#socket?.send(event, data) ?? false);
    this.#own = new OwnState((update) => this.#socket?.send('state', update) ?? false);
    this.#ticket = new Ticket(() => this.#clock.now());
    this.#media = new MediaSide({
      webrtc: options.webrtc,
      send: (event, data, extra) => this.#socket?.send(event, data, extra) ?? false,
      // Both are silent then: that the network is the same no longer is likely, and a second is patience enough.
      alive: async () => (await this.#socket?.check(1000)) ?? false,
      nudge: () => this.#own.nudge(),
      onChange: (change) => this.#update(change),
      onMark: (name) => this.#mark(name),
      onChannel: (channel) => this.files.use(channel),
      onDropped: () => this.files.drop(),
      ...(options.createLink && { create: options.createLink }),
      clock: this.#clock,
    });
  }

  /** @returns {SessionState} */
  get state() {
    return this.#state;
  }

  /** The server's moments and figures about the connection. @returns {Promise<RTCStatsReport|null>} */
  stats() {
    return this.#media.stats();
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
    const sameRoom = this.#state.room.room !== '' && this.#ticket.who.room === who.room;
    this.#ticket.write(who, past);
    this.#lastChat = past?.lastChat ?? '';
    const chat = sameRoom ? this.#state.room.chat : [];
    this.#pending.reset(past?.pendingChat);
    if (past) {
      this.#own.reset(past.hand);
      this.#update({
        phase: 'reconnecting',
        away: { since: this.#clock.now(), cause: 'page' },
        ending: null,
        hand: past.hand,
        ...this.#pending.state,
        room: { ...EMPTY, ...who, peerId: past.peerId },
      });
    } else {
      this.#update({ phase: 'joining', ending: null, room: { ...EMPTY, chat } });
    }
    const socket = new SignalSocket({
      url: this.#options.url,
      parameters: () => this.#ticket.parameters(this.#state.room.username, this.#media.alive, this.#state.room.chat.at(-1)?.id),
      validate: (signal) => this.#options.validate(this.#ticket.who, signal),
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
    this.#media.doubt(this.#state.mediaTrouble);
  }

  /**
   * Hands over one of the person's own tracks, or takes it back.
   *
   * @param {Source} source
   * @param {MediaStreamTrack|null} track
   */
  setTrack(source, track) {
    this.#media.setTrack(source, track);
    if (source === 'screen' || source === 'screen_audio') this.#publishing.set(source, track !== null);
  }

  /** Whether the camera is sent at half its size at most. @param {boolean} saving */
  setSaving(saving) {
    this.#media.setSaving(saving);
  }

  /** Tells the others which devices are on. @param {{microphone: boolean, camera: boolean}} on */
  setDevices(on) {
    this.#own.setDevices(on);
  }

  /** @param {boolean} hand */
  setHand(hand) {
    this.#update({ hand });
    this.#own.setHand(hand);
  }

  /** Tells the others how well one hears and is heard. @param {number} quality  1 (unusable) to 5 (perfect); 0: unknown */
  setQuality(quality) {
    this.#own.setQuality(quality);
  }

  /** @param {string} username */
  rename(username) {
    this.#own.rename(username);
  }

  /**
   * Sends a chat message; it is sent again if the connection is lost before it came back.
   *
   * @param {string} text
   * @param {string} [to] peer id of the only one who reads it; empty: the whole room
   */
  sendChat(text, to = '') {
    this.#pending.add({ text, to });
    this.#update(this.#pending.state);
    // Its echo may not come because the socket leads nowhere; then that is found out now.
    if (this.#say({ text, to })) this.#socket?.check();
  }

  /** @param {import('./protocol/pendingchat.js').Pending} message */
  #say({ text, to }) {
    return this.#socket?.send('chat', text, to ? { to } : {}) ?? false;
  }

  /** Shows everybody a picture for a moment. @param {string} emoji */
  react(emoji) {
    this.#socket?.send('reaction', { emoji });
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

  /** Shows one track even in the background. @param {string} trackId  empty: none */
  keepInBackground(trackId) {
    this.#views.keep(trackId);
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
        this.#media.setPublish(message.data.publish);
        break;
      case 'offer':
        this.#media.offer(message.data, message.offerId);
        break;
      case 'candidate':
        this.#media.candidate(message.data);
        break;
      case 'layers':
        this.#media.setLayers(message.data);
        break;
      case 'chat':
        this.#chat(message.data);
        break;
      case 'reaction':
        this.#options.onNotice({ kind: 'reactions', reactions: message.data });
        break;
      case 'file':
        this.files.event(message.data);
        break;
      case 'files':
        this.files.files(message.data);
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
    this.#ticket.resumeToken = welcome.resume?.token ?? '';
    this.#media.welcome(welcome);
    this.#update({ phase: 'joined', away: null, ending: null, lobby: false });
    this.#own.introduce(welcome.muted);
    if (!welcome.resumed) this.#publishing.forget();
    this.#publishing.repeat();
    this.#views.forget();
    this.#views.flush();
    this.#media.goOn();
    const lastSeen = before.chat.at(-1)?.id ?? this.#lastChat;
    const again = this.#pending.again(welcome.chat, [before.peerId, welcome.peer_id], lastSeen);
    this.#update(this.#pending.state);
    for (const message of again) this.#say(message);
    this.files.welcome(welcome);
    this.#options.onWelcome?.(welcome);
  }

  /** @param {import('./protocol/messages.js').ChatMessage} message */
  #chat(message) {
    if (message.from === this.#state.room.peerId) {
      this.#pending.echoed(message);
      this.#update(this.#pending.state);
    } else {
      this.#options.onNotice({ kind: 'chat', message });
    }
  }

  /** @param {import('./protocol/messages.js').ServerError} error */
  #error(error) {
    if (error.code === 'media_not_connected') {
      this.#media.givenUp();
      return;
    }
    console.warn(`aq: the server refused ${error.event}: ${error.code}: ${error.message}`);
    if (error.event === 'file') this.files.refused(error);
    if (error.event === 'chat') {
      this.#pending.refused();
      this.#update(this.#pending.state);
    }
    if (['chat', 'publish', 'state', 'moderate', 'admit'].includes(error.event)) this.#options.onNotice({ kind: 'error', error });
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
    this.#absence.reset();
    this.#media.end();
    this.#views.forget();
    this.#publishing.forget();
    this.#ticket.resumeToken = '';
    this.#own.reset();
    this.#pending.reset();
    this.files.left();
    this.#update({
      phase: 'ended',
      away: null,
      ending,
      hand: false,
      lobby: false,
      mediaTrouble: false,
      ...this.#pending.state,
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
