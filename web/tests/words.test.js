import assert from 'node:assert/strict';
import { test } from 'node:test';

import './english.js';
import { watchDoubts } from '../page/doubts.js';
import { ResumeStore } from '../protocol/resumestore.js';
import { offAfterReload } from '../ui/problems.js';
import { Stall } from '../ui/stall.js';
import { backText, markText } from '../ui/text.js';
import { Standing } from '../page/standing.js';
import { Weakness } from '../page/weakness.js';

test('a weak network is told after four seconds, and no longer after six good ones', () => {
  const weakness = new Weakness();
  let now = 0;
  const pass = (/** @type {number} */ seconds, /** @type {number|null} */ down, /** @type {number|null} */ up = null) => {
    for (let n = 0; n < seconds; n += 1) weakness.sample({ down, up }, (now += 1000));
    return weakness.weak;
  };
  assert.equal(pass(10, 3), null);
  assert.equal(pass(4, 2), null);
  assert.equal(pass(1, 4), null, 'a moment of good begins anew');
  assert.equal(pass(4, 1), null);
  assert.equal(pass(1, 2), 'down');
  for (let n = 0; n < 10; n += 1) {
    assert.equal(pass(5, 5), 'down', 'it does not flicker');
    assert.equal(pass(1, 2), 'down');
  }
  assert.equal(pass(5, 2, 1), 'both');
  assert.equal(pass(9, 5, 1), 'up');
  assert.equal(pass(9, null, null), null, 'what is not known is not bad');
  pass(5, 1);
  weakness.reset(now);
  assert.equal(weakness.weak, null);
  assert.equal(pass(4, 1), null);
  assert.equal(pass(4, 1), null, 'what was lost in an interruption does not count');
  assert.equal(pass(1, 1), 'down');
});

test('the others are told how the connection is when that has held for four seconds', () => {
  const standing = new Standing();
  const told = (/** @type {number|null} */ down, /** @type {number|null} */ up, times = 1) => Array.from({ length: times }, () => (standing.sample({ down, up }) ? standing.score : null)).filter((score) => score !== null);
  assert.deepEqual(told(null, null, 9), [], 'nothing is known');
  assert.deepEqual(told(4, null, 9), [5]);
  assert.deepEqual([...told(5, 2, 3), ...told(5, 5, 1), ...told(5, 2, 3)], [], 'it wavers');
  assert.deepEqual(told(5, 2, 1), [2]);
  assert.deepEqual(told(3, 5, 5), [3]);
});

test('a picture that stands still: after two seconds, a screen after five', () => {
  for (const [source, limit] of /** @type {const} */ ([['camera', 2000], ['screen', 5000]])) {
    const stall = new Stall();
    let now = 100000;
    const tick = (/** @type {number} */ frames, watched = true) => {
      stall.sample(frames, watched, source, now);
      now += 500;
      return stall.stalled;
    };
    for (let n = 1; n < 10; n += 1) assert.equal(tick(n), false);
    const from = now - 500;
    while (!tick(9)) assert.ok(now - from < 20000);
    assert.equal(now - 500 - from, limit);
    assert.equal(tick(10), false, 'it moves again');
    for (let n = 0; n < 20; n += 1) tick(10);
    assert.equal(stall.stalled, true);
    assert.equal(tick(0, false), false, 'nobody looks');
    assert.equal(tick(10), false, 'somebody looks again: time begins anew');
    now += 60000;
    assert.equal(tick(10), false, 'the page slept');
    for (let n = 0; n < 20; n += 1) tick(10);
    assert.equal(stall.stalled, true);
    stall.reset();
    assert.equal(tick(10), false, 'another picture');
    for (let n = 0; n < 20; n += 1) tick(0);
    assert.equal(stall.stalled, false, 'a browser that does not count says nothing');
  }
});

test('what lies on a picture: a lost connection wins, then what the server says, then what is seen', () => {
  const tile = { source: /** @type {const} */ ('camera'), lost: false, repairing: false, paused: null };
  assert.equal(markText(tile, false), '');
  assert.equal(markText(tile, true), 'Picture frozen');
  assert.equal(markText({ ...tile, repairing: true }, true), 'Reconnecting…');
  assert.equal(markText({ ...tile, repairing: true }, false), '', 'media goes on without the socket');
  assert.equal(markText({ ...tile, paused: 'bandwidth' }, false), 'Paused to keep the sound');
  assert.equal(markText({ ...tile, paused: 'hidden' }, false), '');
  assert.equal(markText({ ...tile, lost: true, paused: 'bandwidth' }, true), '');
  assert.equal(markText({ ...tile, source: 'screen' }, true), 'Not moving');
});

test('words for coming back', () => {
  assert.equal(backText('call', 5000), 'You are back');
  assert.equal(backText('call', 12300), 'You are back. You were away for 12 seconds.');
  assert.equal(backText('call', 125000), 'You are back. You were away for 2 minutes.');
  assert.equal(backText('media', 60000), 'Sound and picture are back');
  assert.equal(offAfterReload({ microphone: false, camera: false }, false), '');
  assert.match(offAfterReload({ microphone: true, camera: true }, false), /^Your microphone and camera are off: /);
  assert.match(offAfterReload({ microphone: false, camera: true }, true), /^Your camera is off: .* Your screen is no longer shared/);
});

test('doubts: the network is back or another one, the page is shown or woke, the machine slept', () => {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'hidden' });
  const connection = Object.assign(new EventTarget(), { type: 'wifi' });
  let now = 0;
  let doubts = 0;
  /** @type {() => void} */
  let tick = () => undefined;
  watchDoubts(() => (doubts += 1), { window, document, connection, now: () => now, setInterval: (run) => (tick = run) });
  const after = (/** @type {() => void} */ act) => {
    doubts = 0;
    act();
    return doubts;
  };
  assert.equal(after(() => window.dispatchEvent(new Event('online'))), 1);
  assert.equal(after(() => document.dispatchEvent(new Event('resume'))), 1);
  assert.equal(after(() => document.dispatchEvent(new Event('visibilitychange'))), 0, 'hidden');
  document.visibilityState = 'visible';
  assert.equal(after(() => document.dispatchEvent(new Event('visibilitychange'))), 1);
  assert.equal(after(() => connection.dispatchEvent(new Event('change'))), 0, 'only another estimate of its speed');
  connection.type = 'cellular';
  assert.equal(after(() => connection.dispatchEvent(new Event('change'))), 1);
  now += 4000;
  assert.equal(after(() => tick()), 0);
  now += 5001;
  assert.equal(after(() => tick()), 1);
});

/** sessionStorage of one tab, and the locks of one browser. */
class FakeStorage {
  /** @type {Map<string, string>} */
  items = new Map();
  getItem = (/** @type {string} */ key) => this.items.get(key) ?? null;
  setItem = (/** @type {string} */ key, /** @type {string} */ value) => void this.items.set(key, value);
  removeItem = (/** @type {string} */ key) => void this.items.delete(key);
}

class FakeLocks {
  /** @type {Map<string, Promise<unknown>>} when everybody before has let go */
  #queues = new Map();

  /** @param {string} name @param {{signal?: AbortSignal}} options @param {(lock: any) => Promise<unknown>} run */
  async request(name, { signal }, run) {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const aborted = new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    const held = Promise.race([before, aborted]).then(() => run({}));
    this.#queues.set(name, Promise.allSettled([before, held]));
    await held;
  }
}

const STORED = { room: 'demo', username: 'Alice', token: 't', peerId: 'p_1', windowMs: 30000, at: 1000, on: { microphone: true, camera: false, screen: false }, hand: true, lastChat: '5', pendingChat: ['x'] };

test('what a page leaves behind counts for the window of the server and a little longer', () => {
  const storage = new FakeStorage();
  new ResumeStore(storage, /** @type {any} */ (new FakeLocks()), false).save(STORED);
  const next = new ResumeStore(storage, /** @type {any} */ (new FakeLocks()), true);
  assert.deepEqual(next.recall(41000), STORED);
  assert.equal(next.recall(41001), null, 'too old');
  assert.equal(next.recall(999), null, 'the clock was set back');
  next.clear();
  assert.equal(next.recall(2000), null);
  for (const bad of ['', 'null', '[]', '{"room":"demo"}', '{', JSON.stringify({ ...STORED, pendingChat: [1] }), JSON.stringify({ ...STORED, at: null })]) {
    storage.setItem('aq-resume', bad);
    assert.equal(next.recall(2000), null, bad);
  }
  assert.equal(new ResumeStore(undefined, undefined, true).recall(0), null);
});

test('a reload waits for the lock of the page that goes, a duplicate gets none', async () => {
  const locks = /** @type {any} */ (new FakeLocks());
  const storage = new FakeStorage();
  const old = new ResumeStore(storage, locks, false);
  old.save(STORED);
  const copy = new FakeStorage();
  copy.items = new Map(storage.items);
  const duplicate = new ResumeStore(copy, locks, false);
  assert.equal(await duplicate.claim(STORED), false, 'the tab it was copied from is still there');
  const reloaded = new ResumeStore(storage, locks, true);
  setTimeout(() => old.clear(), 50);
  assert.equal(await reloaded.claim(STORED), true);
  assert.equal(await duplicate.claim(STORED), false, 'and the page that came back holds it again');
});

test('where there are no locks only a reload comes back', async () => {
  assert.equal(await new ResumeStore(new FakeStorage(), undefined, true).claim(STORED), true);
  assert.equal(await new ResumeStore(new FakeStorage(), undefined, false).claim(STORED), false);
});
