/**
 * The WebSocket to the server, kept open: it comes back by itself until the
 * server says that this is pointless. No DOM.
 */

import { backoff } from './backoff.js';
import { comesBack, endingOf, endingOfRefusal } from './ending.js';
import { decode, encode } from './messages.js';

/** @typedef {import('./messages.js').ServerMessage} ServerMessage */
/** @typedef {import('./messages.js').ClientEvent} ClientEvent */
/** @typedef {import('./ending.js').Ending} Ending */

/**
 * `connecting`: a socket is being opened. `open`: the server's welcome has come.
 * `waiting`: the next attempt is scheduled. `closed`: nothing more will happen.
 *
 * @typedef {'idle'|'connecting'|'open'|'waiting'|'closed'} SocketState
 */

/**
 * @typedef {object} SocketOptions
 * @property {string} url  ws: or wss:, without query
 * @property {() => Record<string, string>} parameters  the query of the next attempt, asked each time
 * @property {() => Promise<import('./validate.js').Admission|import('./validate.js').Refusal>} validate
 *   why the last attempt may have been refused
 * @property {(message: ServerMessage) => void} onMessage
 * @property {(state: SocketState) => void} onState
 * @property {(ending: Ending) => void} onEnd  called once; the socket is closed for good
 * @property {(url: string) => WebSocket} [open]
 * @property {(run: () => void, ms: number) => any} [setTimer]
 * @property {(timer: any) => void} [clearTimer]
 * @property {() => number} [random]
 */

/** How long a socket may take until the welcome, before the next attempt. */
const CONNECT_TIMEOUT_MS = 10000;

export class SignalSocket {
  #options;
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {SocketState} */
  #state = 'idle';
  #failures = 0;
  #welcomed = false;
  /** @type {any} */
  #timer = null;

  /** @param {SocketOptions} options */
  constructor(options) {
    this.#options = {
      open: (/** @type {string} */ url) => new WebSocket(url),
      setTimer: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms),
      clearTimer: (/** @type {any} */ timer) => clearTimeout(timer),
      random: Math.random,
      ...options,
    };
  }

  /** @returns {SocketState} */
  get state() {
    return this.#state;
  }

  /** Opens the first socket. Call once. */
  connect() {
    if (this.#state !== 'idle') throw new Error(`connect in state ${this.#state}`);
    this.#attempt();
  }

  /** Makes the scheduled attempt now: the network is back, or the person asked. */
  retryNow() {
    if (this.#state === 'waiting') this.#attempt();
  }

  /**
   * Sends one message. False if no welcomed socket is open: the message is not
   * kept, for most are about a state that the next welcome replaces.
   *
   * @param {ClientEvent} event
   * @param {string|object} [data]
   * @param {Record<string, unknown>} [extra]
   * @returns {boolean}
   */
  send(event, data, extra) {
    if (this.#state !== 'open' || !this.#socket) return false;
    this.#socket.send(encode(event, data, extra));
    return true;
  }

  /** Leaves the room and closes for good. */
  leave() {
    if (this.#state === 'closed') return;
    this.send('leave');
    this.#socket?.close(1000);
    this.#end(endingOf(1000, ''));
  }

  #attempt() {
    this.#clearTimer();
    this.#become('connecting');
    const query = new URLSearchParams(this.#options.parameters());
    const socket = this.#options.open(`${this.#options.url}?${query}`);
    this.#socket = socket;
    this.#timer = this.#options.setTimer(() => this.#lost(socket, 1006, ''), CONNECT_TIMEOUT_MS);
    socket.onmessage = (event) => {
      if (this.#socket !== socket) return;
      const message = decode(event.data);
      if (message) this.#receive(message);
    };
    socket.onclose = (event) => this.#lost(socket, event.code, event.reason);
  }

  /** @param {ServerMessage} message */
  #receive(message) {
    if (message.event === 'welcome') {
      this.#clearTimer();
      this.#failures = 0;
      this.#welcomed = true;
      this.#become('open');
    }
    this.#options.onMessage(message);
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  #lost(socket, code, reason) {
    if (this.#socket !== socket || this.#state === 'closed') return;
    const opened = this.#state === 'open';
    this.#clearTimer();
    this.#socket = null;
    socket.onclose = null;
    socket.close();
    if (!comesBack(code, reason)) {
      this.#end(endingOf(code, reason));
    } else if (opened) {
      this.#wait(0);
    } else {
      this.#refused();
    }
  }

  /** A socket never got its welcome: the server's reason decides what to do. */
  #refused() {
    this.#become('waiting');
    this.#options.validate().then((answer) => {
      if (this.#state !== 'waiting' || this.#timer !== null) return;
      if (answer.ok && this.#welcomed) {
        this.#wait(0);
      } else if (answer.ok) {
        this.#end(endingOfRefusal({ ok: false, status: 0, code: 'websocket_blocked', message: '', retryAfterMs: 0 }));
      } else if (!this.#welcomed || (answer.status >= 400 && answer.status < 500 && answer.status !== 429)) {
        this.#end(endingOfRefusal(answer));
      } else {
        this.#wait(answer.retryAfterMs);
      }
    });
  }

  /** @param {number} atLeastMs */
  #wait(atLeastMs) {
    const delay = Math.max(backoff(this.#failures, this.#options.random), atLeastMs);
    this.#failures += 1;
    this.#become('waiting');
    this.#timer = this.#options.setTimer(() => this.#attempt(), delay);
  }

  /** @param {Ending} ending */
  #end(ending) {
    this.#clearTimer();
    this.#socket = null;
    this.#become('closed');
    this.#options.onEnd(ending);
  }

  #clearTimer() {
    if (this.#timer !== null) this.#options.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** @param {SocketState} state */
  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onState(state);
  }
}
