import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Assembly } from '../media/assembly.js';
import { FileChannel } from '../media/filechannel.js';
import { CHUNK_BYTES, pull } from '../protocol/files.js';
import { decode } from '../protocol/messages.js';

/** @param {string} event @param {any} data */
const message = (event, data) => /** @type {any} */ (decode(JSON.stringify({ event, data: JSON.stringify(data) }))).data;

/** @param {number} size */
const content = (size) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255);
/** @param {number} size @param {string} [type] @param {string} [name] */
const file = (size, type = 'image/png', name = 'a.png') => new File([content(size)], name, { type });

class FakeChannel {
  label = 'files';
  readyState = 'open';
  /** @type {Uint8Array[]} */
  sent = [];
  /** @type {((event: any) => void)|null} */
  onmessage = null;

  /** @param {Uint8Array} bytes */
  send(bytes) {
    if (this.readyState !== 'open') throw new Error('closed');
    this.sent.push(bytes);
  }

  /** @param {object} request */
  pull(request) {
    this.onmessage?.({ data: JSON.stringify(request) });
  }

  /** @param {number} id @param {number} chunk @param {Uint8Array} whole */
  chunk(id, chunk, whole) {
    const part = whole.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
    const data = new Uint8Array(8 + part.length);
    new DataView(data.buffer).setUint32(0, id);
    new DataView(data.buffer).setUint32(4, chunk);
    data.set(part, 8);
    this.onmessage?.({ data: data.buffer });
  }
}

function stage() {
  /** @type {any[]} */
  const said = [];
  /** @type {any[]} */
  const offers = [];
  const wire = new FakeChannel();
  const s = {
    said,
    offers,
    wire,
    open: true,
    changes: 0,
    now: 0,
    files: new FileChannel({
      send: (event, data) => s.open && event === 'file' && said.push(data) > 0,
      onChange: () => { s.changes += 1; },
      onOffer: (t) => offers.push(t.key),
      now: () => s.now,
    }),
    /** @param {object} event */
    hear: (event) => s.files.event(message('file', event)),
    one: () => s.files.transfers[s.files.transfers.length - 1],
    /** What became of the last one. */
    end: () => `${s.one().state} ${s.one().reason}`,
  };
  s.files.welcome({ files: 10_000_000, resumed: false });
  s.files.use(/** @type {any} */ (wire));
  return s;
}

/** Until what was asked for is sent. @param {() => boolean} done */
async function until(done) {
  for (let i = 0; i < 1000 && !done(); i += 1) await new Promise((go) => { setImmediate(go); });
  assert.ok(done());
}

test('our file: offered, accepted, sent as the server asks, there', async () => {
  const s = stage();
  const whole = content(3 * CHUNK_BYTES + 5);
  s.files.offer(file(whole.length), 'p_1');
  assert.deepEqual(s.said, [{ action: 'offer', name: 'a.png', size: whole.length, type: 'image/png', to: 'p_1', ref: '1' }]);
  s.hear({ action: 'accept', file_id: 7, peer_id: 'p_1' });
  assert.equal(s.one().state, 'offered', 'nothing is known of file 7 yet');
  s.wire.pull({ file_id: 7, ref: '1', chunk: 2, count: 2 }); // overtakes the echo
  s.hear({ action: 'offer', file_id: 7, from: 'p_me', name: 'a.png', size: whole.length, ref: '1' });
  s.hear({ action: 'accept', file_id: 7, peer_id: 'p_1' });
  s.wire.pull({ file_id: 7, ref: '1', chunk: 0, count: 2 });
  await until(() => s.wire.sent.length === 4);
  const chunks = s.wire.sent.map((m) => [new DataView(m.buffer).getUint32(0), new DataView(m.buffer).getUint32(4), m.length - 8]);
  assert.deepEqual(chunks, [[7, 2, CHUNK_BYTES], [7, 3, 5], [7, 0, CHUNK_BYTES], [7, 1, CHUNK_BYTES]]);
  assert.deepEqual(s.wire.sent[1].subarray(8), whole.subarray(3 * CHUNK_BYTES));
  s.hear({ action: 'progress', file_id: 7, peer_id: 'p_1', bytes: 20000 });
  assert.deepEqual([s.one().state, s.one().bytes], ['moving', 20000]);
  s.hear({ action: 'end', file_id: 7, peer_id: 'p_1', reason: 'done' });
  assert.deepEqual([s.one().state, s.one().bytes, s.one().receivers[0].state], ['done', whole.length, 'done']);
  assert.deepEqual(s.offers, []);
});

test('our file for all: one refuses, one takes it, one does not answer', () => {
  const s = stage();
  s.files.offer(file(10));
  s.hear({ action: 'offer', file_id: 1, ref: '1' });
  s.hear({ action: 'end', file_id: 1, peer_id: 'p_1', reason: 'refused' });
  assert.equal(s.end(), 'offered ');
  s.hear({ action: 'accept', file_id: 1, peer_id: 'p_2' });
  assert.equal(s.end(), 'moving ');
  s.hear({ action: 'end', file_id: 1, peer_id: 'p_2', reason: 'done' });
  s.hear({ action: 'end', file_id: 1, peer_id: 'p_3', reason: 'expired' });
  assert.equal(s.end(), 'done ');
  s.files.offer(file(10), 'p_1');
  s.hear({ action: 'offer', file_id: 2, ref: '2' });
  s.hear({ action: 'end', file_id: 2, peer_id: 'p_1', reason: 'refused' });
  assert.equal(s.end(), 'ended refused', 'the only one');
});

test('the file of another: nothing comes before it is accepted, and then all of it', async () => {
  const s = stage();
  const whole = content(200 * CHUNK_BYTES + 1);
  s.hear({ action: 'offer', file_id: 9, from: 'p_1', name: 'x.png', size: whole.length, type: 'image/png' });
  const { key } = s.one();
  assert.deepEqual(s.offers, [key]);
  s.wire.chunk(9, 0, whole);
  assert.equal(s.one().bytes, 0);
  s.files.accept(key);
  s.files.accept(key);
  assert.deepEqual(s.said, [{ action: 'accept', file_id: 9 }]);
  const before = s.changes;
  for (let i = 0; i <= 200; i += 1) s.wire.chunk(9, (i + 77) % 201, whole); // from the middle on, around
  s.wire.chunk(9, 5, whole); // again
  assert.equal(s.one().state, 'done');
  assert.ok(s.changes - before <= 2, 'progress is not told for each chunk');
  assert.deepEqual(s.said.slice(1), [{ action: 'done', file_id: 9 }]);
  const blob = /** @type {Blob} */ (s.one().blob);
  assert.equal(blob.type, 'image/png');
  assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), whole);
  s.hear({ action: 'end', file_id: 9, peer_id: 'p_me', reason: 'done' });
  assert.equal(s.one().state, 'done');
  s.files.forget(key);
  assert.equal(s.files.transfers.length, 0);
});

test('what could run in this page is bytes, and is not shown', () => {
  for (const type of ['text/html', 'image/svg+xml', 'application/pdf', '']) {
    const a = new Assembly(1, type);
    assert.ok(a.add(0, content(1)));
    assert.equal(a.blob().type, 'application/octet-stream', type);
  }
  const s = stage();
  s.hear({ action: 'offer', file_id: 9, from: 'p_1', name: 'x.svg', size: 5, type: 'image/svg+xml' });
  assert.equal(s.one().image, false);
});

test('chunks that are none of the file are not taken', () => {
  const a = new Assembly(CHUNK_BYTES + 5, 'a/b');
  for (const [chunk, size] of [[2, 5], [0, 5], [1, 6], [1, CHUNK_BYTES], [4294967295, 5]]) assert.equal(a.add(chunk, content(size)), false, `${chunk} ${size}`);
  assert.equal(a.add(1, content(5)), true);
  assert.equal(a.bytes, CHUNK_BYTES);
  assert.equal(a.add(1, content(5)), false);
  assert.equal(a.add(0, content(CHUNK_BYTES)), true);
  assert.deepEqual([a.bytes, a.whole], [CHUNK_BYTES + 5, true]);
});

test('refuse, cancel and withdraw', async () => {
  const s = stage();
  s.hear({ action: 'offer', file_id: 1, from: 'p_1', name: 'x', size: 5 });
  s.files.cancel(s.one().key);
  assert.deepEqual([s.said.pop(), s.end()], [{ action: 'refuse', file_id: 1 }, 'ended refused']);
  s.hear({ action: 'offer', file_id: 2, from: 'p_1', name: 'x', size: 5 });
  s.files.accept(s.one().key);
  s.files.cancel(s.one().key);
  assert.deepEqual([s.said.pop(), s.end()], [{ action: 'cancel', file_id: 2 }, 'ended cancelled']);
  s.wire.chunk(2, 0, content(5));
  assert.equal(s.one().blob, null);
  s.files.offer(file(5));
  s.files.cancel(s.one().key); // before the server has a name for it
  s.hear({ action: 'offer', file_id: 3, ref: '1' });
  assert.deepEqual([s.said.pop(), s.end()], [{ action: 'cancel', file_id: 3 }, 'ended withdrawn']);
  s.wire.pull({ file_id: 3, ref: '1', chunk: 0, count: 1 });
  assert.deepEqual(s.said.pop(), { action: 'cancel', file_id: 3 });
  s.hear({ action: 'offer', file_id: 4, from: 'p_1', name: 'x', size: 5 });
  s.files.accept(s.one().key);
  s.hear({ action: 'end', file_id: 4, peer_id: 'p_me', reason: 'left' });
  assert.equal(s.end(), 'ended left');
  assert.equal(s.wire.sent.length, 0);
});

test('what cannot be offered says why', async () => {
  const s = stage();
  for (const [size, want] of /** @type {[number, string][]} */ ([[10_000_001, 'file_too_large'], [0, 'unreadable']])) {
    s.files.offer(file(size));
    assert.equal(s.end(), `ended ${want}`);
  }
  s.open = false;
  s.files.offer(file(5));
  assert.equal(s.end(), 'ended offline');
  s.open = true;
  s.files.offer(file(5));
  s.files.refused(message('error', { code: 'too_many_files', message: '', event: 'file', ref: '4' }));
  assert.equal(s.end(), 'ended too_many_files');
  s.files.welcome({ files: 0, resumed: true });
  s.files.offer(file(5));
  assert.equal(s.end(), 'ended files_off');
  // One that is gone from the disk when its bytes are wanted.
  s.files.welcome({ files: 100, resumed: true });
  const gone = file(5);
  gone.slice = () => /** @type {any} */ ({ arrayBuffer: async () => { throw new Error('gone'); } });
  s.files.offer(gone);
  const warn = console.warn;
  console.warn = () => undefined;
  s.wire.pull({ file_id: 8, ref: '6', chunk: 0, count: 1 });
  await until(() => s.end() === 'ended unreadable');
  console.warn = warn;
  assert.deepEqual(s.said.pop(), { action: 'cancel', file_id: 8 });
});

test('a new connection: what was coming is lost, what is on offer stands', () => {
  const s = stage();
  s.files.offer(file(5));
  s.hear({ action: 'offer', file_id: 1, ref: '1' });
  s.hear({ action: 'offer', file_id: 2, from: 'p_1', name: 'x', size: 5 });
  s.files.accept(s.one().key);
  s.hear({ action: 'offer', file_id: 3, from: 'p_1', name: 'y', size: 5 });
  s.files.drop();
  assert.deepEqual(s.files.transfers.map((t) => t.state), ['offered', 'ended', 'offered']);
  s.wire.chunk(2, 0, content(5));
  const next = new FakeChannel();
  s.files.use(/** @type {any} */ (next));
  s.files.accept(s.one().key);
  s.wire.chunk(3, 0, content(5)); // of the old one
  assert.equal(s.one().state, 'moving');
  next.chunk(3, 0, content(5));
  assert.equal(s.one().state, 'done');
  s.files.left();
  assert.deepEqual(s.files.transfers.map((t) => t.state), ['ended', 'ended', 'done']);
});

test('after a break both sides know the same again', () => {
  const s = stage();
  s.files.offer(file(5)); // 1: its echo was lost
  s.files.offer(file(5)); // 10: it stands
  s.hear({ action: 'offer', file_id: 10, ref: '2' });
  s.files.offer(file(5));
  s.hear({ action: 'offer', file_id: 2, ref: '3' });
  for (const id of [3, 4, 5, 6]) s.hear({ action: 'offer', file_id: id, from: 'p_1', name: `${id}`, size: 5 });
  const key = (/** @type {number} */ id) => /** @type {any} */ (s.files.transfers.find((t) => t.name === `${id}`)).key;
  s.open = false;
  s.files.accept(key(3)); // not heard
  s.files.cancel(key(4)); // not heard
  s.files.accept(key(5));
  s.wire.chunk(5, 0, content(5)); // done, not heard
  s.open = true;
  s.said.length = 0;
  const one = (/** @type {boolean} */ accepted) => [{ peer_id: 'p_me', accepted, bytes: 0 }];
  s.files.welcome({ files: 100, resumed: true });
  s.files.files(message('files', {
    files: [
      { file_id: 1, ref: '1', from: 'p_me', name: 'a.png', size: 5, receivers: [{ peer_id: 'p_1', accepted: true, bytes: 3 }] },
      { file_id: 10, ref: '2', from: 'p_me', name: 'a.png', size: 5, receivers: [{ peer_id: 'p_1', accepted: true, bytes: 3 }] },
      { file_id: 3, from: 'p_1', name: '3', size: 5, receivers: one(false) },
      { file_id: 4, from: 'p_1', name: '4', size: 5, receivers: one(false) },
      { file_id: 5, from: 'p_1', name: '5', size: 5, receivers: one(true) },
      { file_id: 7, from: 'p_1', name: '7', size: 5, receivers: one(false) },
      { file_id: 8, from: 'p_1', name: '8', size: 5, receivers: one(true) },
      { file_id: 9, from: 'p_me', ref: '99', name: '9', size: 5, receivers: one(false) },
    ],
  }));
  assert.deepEqual(s.said, [
    { action: 'cancel', file_id: 1 },
    { action: 'accept', file_id: 3 },
    { action: 'cancel', file_id: 4 },
    { action: 'done', file_id: 5 },
    { action: 'cancel', file_id: 8 }, // of an earlier life of the page, as is 9
    { action: 'cancel', file_id: 9 },
  ]);
  assert.deepEqual(s.files.transfers.map((t) => `${t.name} ${t.state} ${t.reason}`), [
    'a.png ended lost', 'a.png moving ', 'a.png ended lost', '3 moving ', '4 ended refused', '5 done ', '6 ended lost', '7 offered ',
  ]);
  assert.equal(s.files.transfers[1].bytes, 3);
  s.files.welcome({ files: 100, resumed: false });
  assert.deepEqual(s.files.transfers.filter((t) => t.state === 'moving' || t.state === 'offered'), []);
});

test('a channel of another name, and words that are no requests', () => {
  const s = stage();
  const other = new FakeChannel();
  other.label = 'mine';
  s.files.use(/** @type {any} */ (other));
  assert.equal(other.onmessage, null);
  for (const text of ['', 'null', '{}', '[]', '{"file_id":1}', '{"file_id":-1,"count":1}', '{"file_id":1,"count":1.5}']) assert.equal(pull(text), null, text);
  s.wire.onmessage?.({ data: 'x' });
  s.wire.onmessage?.({ data: new ArrayBuffer(3) });
  s.hear({ action: 'explode', file_id: 1 });
  s.hear({});
  assert.deepEqual(s.said, []);
});
