/**
 * Files between the people of a room (docs/protocol.md, "Files"): what is said of
 * them goes by the socket, their bytes over a data channel that the server offers
 * to who sends or accepts one. The server asks for each chunk, so nothing piles up
 * here. No DOM elements.
 *
 * A transfer ends with its data channel, not with the socket: after a break the
 * server tells where everything stands (`files`).
 */

import { CHUNK_BYTES, HEADER_BYTES, pull } from '../protocol/files.js';
import { Assembly, isImage } from './assembly.js';

/** @typedef {import('../protocol/files.js').FileEvent} FileEvent */
/** @typedef {import('../protocol/files.js').FileState} FileState */

/**
 * `offered`: nobody has answered, or we have not; `moving`: accepted; `done`: it is
 * there; `ended`: it will not come, see reason.
 *
 * @typedef {'offered'|'moving'|'done'|'ended'} TransferState
 */
/**
 * Why a file ended: the reasons and error codes of the protocol, and `lost`: the
 * server does not know it any more, `unreadable`: the file has changed or gone,
 * `offline`: there is no connection to offer it on.
 *
 * @typedef {string} Reason
 */
/** @typedef {{peerId: string, state: TransferState, bytes: number, reason: Reason}} Receiver */
/**
 * @typedef {object} Transfer
 * @property {string} key      names it for as long as the page lives
 * @property {boolean} mine    we send it
 * @property {string} from     peer id; empty: us
 * @property {string} to       peer id of the only receiver; empty: all who were there
 * @property {string} name
 * @property {number} size
 * @property {string} type
 * @property {boolean} image   it may be shown where it stands
 * @property {TransferState} state
 * @property {number} bytes    that have come; of ours: to whoever has most
 * @property {Reason} reason
 * @property {Blob|null} blob  ours from the beginning, that of others once it is done
 * @property {readonly Receiver[]} receivers  of ours: who has answered
 */
/** @typedef {Transfer & {id: number, ref: string, assembly: Assembly|null}} Entry */

/**
 * @typedef {object} FileChannelOptions
 * @property {(event: 'file', data: object) => boolean} send  false: no socket is open
 * @property {() => void} onChange      of transfers
 * @property {(transfer: Transfer) => void} [onOffer]  somebody offers us a file
 * @property {() => number} [now]
 */

/** Progress alone is told this often at most, in ms. */
const PROGRESS_MS = 200;

export class FileChannel {
  #options;
  /** @type {Entry[]} the oldest first */
  #entries = [];
  #limit = 0;
  #count = 0;
  #toldAt = 0;
  /** @type {RTCDataChannel|null} */
  #channel = null;
  /** @type {Promise<void>} what is asked for is sent in that order */
  #sending = Promise.resolve();

  /** @param {FileChannelOptions} options */
  constructor(options) {
    this.#options = { now: () => Date.now(), ...options };
  }

  /** The oldest first. @returns {readonly Transfer[]} */
  get transfers() {
    return this.#entries;
  }

  /** The size of the largest file that may be sent; 0: none may. @returns {number} */
  get limit() {
    return this.#limit;
  }

  /**
   * We are in the room. Who is new there has lost what was on its way, and nobody
   * knows whether an offer without an echo was heard: it is taken back.
   *
   * @param {{files: number, resumed: boolean}} welcome
   */
  welcome({ files, resumed }) {
    this.#limit = files;
    this.#endAll((e) => !resumed || e.id === 0, 'lost');
  }

  /** The visit is over. */
  left() {
    this.#endAll(() => true, 'left');
    this.drop();
  }

  /**
   * Offers a file to all who are there, or to one. What becomes of it is seen in
   * transfers.
   *
   * @param {File} file
   * @param {string} [to] peer id
   * @returns {Transfer}
   */
  offer(file, to = '') {
    const ref = `${(this.#count += 1)}`;
    const entry = this.#add({
      key: `mine-${ref}`, mine: true, from: '', to, name: file.name, size: file.size, type: file.type, image: isImage(file.type), blob: file, id: 0, ref,
    });
    if (this.#limit === 0) this.#end(entry, 'files_off');
    else if (file.size > this.#limit) this.#end(entry, 'file_too_large');
    else if (file.size === 0) this.#end(entry, 'unreadable'); // a folder is one of no size
    else if (!this.#say('offer', { name: file.name, size: file.size, type: file.type, to, ref })) this.#end(entry, 'offline');
    this.#changed();
    return entry;
  }

  /** Takes a file that somebody offers. @param {string} key */
  accept(key) {
    const entry = this.#open(key);
    if (!entry || entry.mine || entry.state !== 'offered') return;
    entry.assembly = new Assembly(entry.size, entry.type);
    entry.state = 'moving';
    this.#say('accept', { file_id: entry.id }); // again by files(), if no socket is open
    this.#changed();
  }

  /** Refuses what somebody offers, or ends it: ours for all, that of others for us. @param {string} key */
  cancel(key) {
    const entry = this.#open(key);
    if (!entry) return;
    if (entry.id) this.#say(entry.state === 'offered' && !entry.mine ? 'refuse' : 'cancel', { file_id: entry.id });
    this.#end(entry, entry.mine ? 'withdrawn' : entry.state === 'offered' ? 'refused' : 'cancelled');
    this.#changed();
  }

  /** Forgets a file that has ended, and with it its bytes. @param {string} key */
  forget(key) {
    this.#entries = this.#entries.filter((e) => e.key !== key || e.state === 'offered' || e.state === 'moving');
    this.#changed();
  }

  /** The data channel that the server has opened. @param {RTCDataChannel} channel */
  use(channel) {
    if (channel.label !== 'files') return;
    channel.binaryType = 'arraybuffer';
    this.#channel = channel;
    channel.onmessage = ({ data }) => {
      if (this.#channel !== channel) return;
      if (typeof data === 'string') this.#pulled(data, channel);
      else this.#chunk(data);
    };
  }

  /** The connection is gone, and with it what was on its way; the server says so as well. */
  drop() {
    this.#channel = null;
    this.#endAll((e) => !e.mine && e.state === 'moving', 'connection');
  }

  /** @param {FileEvent} event */
  event(event) {
    const entry = this.#entries.find((e) => e.id === event.file_id && event.file_id > 0);
    switch (event.action) {
      case 'offer':
        this.#offered(event);
        break;
      case 'accept':
        if (entry?.mine) this.#receiver(entry, event.peer_id, { state: 'moving' });
        break;
      case 'progress':
        if (entry?.mine) this.#receiver(entry, event.peer_id, { bytes: event.bytes });
        break;
      case 'end':
        if (entry) this.#ended(entry, event);
        break;
      default:
    }
    this.#changed();
  }

  /** Something that we said of a file was refused. @param {{code: string, ref: string}} error */
  refused({ code, ref }) {
    const entry = this.#entries.find((e) => e.mine && e.ref === ref && ref !== '');
    if (!entry) return;
    this.#end(entry, code);
    this.#changed();
  }

  /**
   * Where everything stands, after a break: what the server does not name is over,
   * and what it did not hear is said again.
   *
   * @param {FileState[]} states
   */
  files(states) {
    const known = new Set(states.map((s) => s.file_id));
    this.#endAll((e) => !known.has(e.id), 'lost');
    for (const state of states) {
      const entry = this.#entries.find((e) => e.id === state.file_id) ?? this.#entries.find((e) => e.mine && e.id === 0 && e.ref === state.ref && state.ref);
      if (entry?.mine) this.#standing(entry, state);
      else if (entry) this.#sayAgain(entry, state);
      else if (state.ref || state.receivers[0]?.accepted) this.#say('cancel', { file_id: state.file_id }); // of an earlier life of this page
      else this.#offered({ ...state, action: 'offer', peer_id: '', bytes: 0, reason: '' });
    }
    this.#changed();
  }

  /** @param {Entry} entry @param {FileState} state */
  #standing(entry, state) {
    if (entry.state === 'ended') {
      this.#say('cancel', { file_id: state.file_id });
      return;
    }
    entry.id = state.file_id;
    for (const r of entry.receivers) {
      if (r.state === 'moving' && !state.receivers.some((s) => s.peer_id === r.peerId)) this.#receiver(entry, r.peerId, { state: 'ended', reason: 'lost' });
    }
    for (const r of state.receivers) if (r.accepted) this.#receiver(entry, r.peer_id, { state: 'moving', bytes: r.bytes });
  }

  /** @param {Entry} entry @param {FileState} state */
  #sayAgain(entry, state) {
    const accepted = state.receivers[0]?.accepted === true;
    if (entry.state === 'done') this.#say('done', { file_id: entry.id });
    else if (entry.state === 'ended') this.#say('cancel', { file_id: entry.id });
    else if (entry.state === 'moving' && !accepted) this.#say('accept', { file_id: entry.id });
  }

  /** @param {FileEvent} event */
  #offered(event) {
    if (event.ref) {
      const mine = this.#entries.find((e) => e.mine && e.ref === event.ref && e.id === 0);
      if (mine?.state === 'ended') this.#say('cancel', { file_id: event.file_id }); // cancelled before the server had a name for it
      if (mine) mine.id = event.file_id;
      return;
    }
    if (this.#entries.some((e) => e.id === event.file_id)) return;
    const { from, to, name, size, type } = event;
    const entry = this.#add({
      key: `${from}-${event.file_id}`, mine: false, from, to, name, size, type, image: isImage(type), blob: null, id: event.file_id, ref: '',
    });
    this.#options.onOffer?.(entry);
  }

  /** @param {Entry} entry @param {FileEvent} event */
  #ended(entry, event) {
    const state = event.reason === 'done' ? 'done' : 'ended';
    if (entry.mine) this.#receiver(entry, event.peer_id, { state, reason: event.reason, ...(state === 'done' && { bytes: entry.size }) });
    else if (state === 'ended') this.#end(entry, event.reason);
  }

  /**
   * What is known of one of those to whom we offer a file.
   *
   * @param {Entry} entry
   * @param {string} peerId
   * @param {Partial<Receiver>} change
   */
  #receiver(entry, peerId, change) {
    const before = entry.receivers.find((r) => r.peerId === peerId);
    const now = { peerId, state: /** @type {TransferState} */ ('offered'), bytes: 0, reason: '', ...before, ...change };
    entry.receivers = [...entry.receivers.filter((r) => r.peerId !== peerId), now];
    entry.bytes = Math.max(0, ...entry.receivers.map((r) => r.bytes));
    if (entry.state === 'ended') return;
    // Who has not answered is not among them: with one who has it, it has arrived.
    if (entry.receivers.some((r) => r.state === 'moving')) entry.state = 'moving';
    else if (entry.receivers.some((r) => r.state === 'done')) entry.state = 'done';
    else if (entry.to || change.reason === 'expired' || change.reason === 'fault') this.#end(entry, now.reason);
    else entry.state = 'offered';
  }

  /** Sends what the server asks for. @param {string} text @param {RTCDataChannel} channel */
  #pulled(text, channel) {
    const request = pull(text);
    if (!request) return;
    const entry = this.#entries.find((e) => e.mine && e.ref === request.ref);
    const { blob } = entry ?? {};
    if (!entry || !blob || entry.state === 'ended') {
      this.#say('cancel', { file_id: request.file_id });
      return;
    }
    entry.id = request.file_id;
    this.#sending = this.#sending.then(async () => {
      try {
        await sendChunks(channel, blob, request);
      } catch (error) {
        if (channel.readyState !== 'open') return; // the server knows, and says so
        console.warn('aq: a file cannot be read:', error);
        this.cancel(entry.key);
        entry.reason = 'unreadable';
        this.#changed();
      }
    });
  }

  /** @param {ArrayBuffer} data */
  #chunk(data) {
    if (data.byteLength <= HEADER_BYTES) return;
    const view = new DataView(data);
    const entry = this.#entries.find((e) => e.id === view.getUint32(0) && !e.mine && e.state === 'moving');
    if (!entry?.assembly?.add(view.getUint32(4), new Uint8Array(data, HEADER_BYTES))) return;
    entry.bytes = entry.assembly.bytes;
    if (entry.assembly.whole) {
      entry.blob = entry.assembly.blob();
      entry.assembly = null;
      entry.state = 'done';
      this.#say('done', { file_id: entry.id });
    }
    this.#changed(entry.state !== 'done');
  }

  /** @param {Omit<Entry, 'state'|'bytes'|'reason'|'receivers'|'assembly'>} entry @returns {Entry} */
  #add(entry) {
    /** @type {Entry} */
    const whole = { ...entry, state: 'offered', bytes: 0, reason: '', receivers: [], assembly: null };
    this.#entries = [...this.#entries, whole];
    return whole;
  }

  /** @param {string} key */
  #open(key) {
    return this.#entries.find((e) => e.key === key && (e.state === 'offered' || e.state === 'moving'));
  }

  /** @param {Entry} entry @param {Reason} reason */
  #end(entry, reason) {
    if (entry.state === 'done' || entry.state === 'ended') return;
    entry.state = 'ended';
    entry.reason = reason;
    entry.assembly = null;
    if (entry.mine) entry.blob = null;
  }

  /** @param {(entry: Entry) => boolean} which @param {Reason} reason */
  #endAll(which, reason) {
    for (const entry of this.#entries) if (which(entry)) this.#end(entry, reason);
    this.#changed();
  }

  /** @param {string} action @param {object} data @returns {boolean} */
  #say(action, data) {
    return this.#options.send('file', { action, ...data });
  }

  /** @param {boolean} [progress] that is all: it need not be told each time */
  #changed(progress = false) {
    const now = this.#options.now();
    if (progress && now - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = now;
    this.#options.onChange();
  }
}

/**
 * @param {RTCDataChannel} channel
 * @param {Blob} blob
 * @param {import('../protocol/files.js').Pull} request
 */
async function sendChunks(channel, blob, { file_id: id, chunk, count }) {
  const bytes = await blob.slice(chunk * CHUNK_BYTES, (chunk + count) * CHUNK_BYTES).arrayBuffer();
  for (let i = 0; i < count && i * CHUNK_BYTES < bytes.byteLength; i += 1) {
    const part = new Uint8Array(bytes, i * CHUNK_BYTES, Math.min(CHUNK_BYTES, bytes.byteLength - i * CHUNK_BYTES));
    const message = new Uint8Array(HEADER_BYTES + part.length);
    new DataView(message.buffer).setUint32(0, id);
    new DataView(message.buffer).setUint32(4, chunk + i);
    message.set(part, HEADER_BYTES);
    channel.send(message);
  }
}
