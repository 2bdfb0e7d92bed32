import assert from 'node:assert/strict';
import { test } from 'node:test';

import './english.js';
import { shapeEncodings } from '../media/sending.js';
import { tileFigures } from '../media/tilestats.js';
import { VoiceWatch } from '../media/voicewatch.js';
import { nextLayout } from '../page/arranging.js';
import { ViewSync } from '../protocol/viewsync.js';
import { SHORTCUTS, shortcutOf } from '../ui/shortcuts.js';

/** @param {string} key @param {object} [change] */
const press = (key, change = {}) => ({ key, code: '', ctrlKey: false, altKey: false, metaKey: false, isComposing: false, ...change });

test('keys: each once, in any alphabet, not with Ctrl, and not at all where somebody wants that', () => {
  assert.equal(new Set(SHORTCUTS.map((s) => s.key)).size, SHORTCUTS.length);
  assert.equal(shortcutOf(press('m'), true)?.id, 'microphone');
  assert.equal(shortcutOf(press('M'), true)?.id, 'microphone', 'with the shift lock');
  assert.equal(shortcutOf(press('ь', { code: 'KeyM' }), true)?.id, 'microphone', 'a Russian keyboard');
  assert.equal(shortcutOf(press('a', { code: 'KeyQ' }), true), undefined, 'a French one: what is written counts');
  assert.equal(shortcutOf(press('?', { code: 'Minus' }), true)?.id, 'keys');
  assert.equal(shortcutOf(press(' '), true)?.id, 'talk');
  for (const held of ['ctrlKey', 'altKey', 'metaKey', 'isComposing']) assert.equal(shortcutOf(press('m', { [held]: true }), true), undefined, held);
  for (const key of ['m', '?', ' ']) assert.equal(shortcutOf(press(key), false), undefined, key);
  assert.equal(shortcutOf(press('PageDown'), false)?.id, 'next', 'types nothing');
  assert.deepEqual(['auto', 'grid', 'speaker'].map((l) => nextLayout(/** @type {any} */ (l))), ['grid', 'speaker', 'auto']);
});

/** @param {VoiceWatch} watch */
function hearing(watch) {
  let now = 1000;
  /** @param {number} seconds @param {(n: number) => {level: number, silent?: boolean}} heard @param {boolean} on */
  return (seconds, heard, on) => {
    const remarks = [];
    for (let n = 0; n < seconds * 15; n += 1) {
      const remark = watch.sample({ silent: false, ...heard(n) }, on, (now += 66));
      if (remark) remarks.push(remark);
    }
    return remarks;
  };
}

test('who speaks while the microphone is off is told once; not for a cough, not for a beep now and then', () => {
  const hear = hearing(new VoiceWatch());
  const voice = () => ({ level: 0.6 });
  const quiet = () => ({ level: 0.1 });
  assert.deepEqual(hear(5, voice, true), [], 'he is heard');
  assert.deepEqual(hear(5, quiet, false), []);
  assert.deepEqual(hear(0.3, voice, false), [], 'a cough');
  hear(1, quiet, false);
  assert.deepEqual(hear(5, (n) => ({ level: n % 15 < 4 ? 0.9 : 0 }), false), [], 'beeps');
  assert.deepEqual(hear(5, (n) => ({ level: n % 7 < 5 ? 0.6 : 0.2 }), false), ['muted'], 'words with pauses');
  assert.deepEqual(hear(60, voice, false), [], 'once is enough');
  hear(1, voice, true);
  assert.deepEqual(hear(3, voice, false), ['muted']);
});

test('a microphone that gives nothing at all is told after eight seconds', () => {
  const hear = hearing(new VoiceWatch());
  const nothing = () => ({ level: 0, silent: true });
  assert.deepEqual(hear(7, nothing, true), []);
  assert.deepEqual(hear(2, nothing, true), ['silent']);
  assert.deepEqual(hear(60, nothing, true), []);
  assert.deepEqual(hear(60, nothing, false), [], 'it is off');
  const noise = hearing(new VoiceWatch());
  assert.deepEqual(noise(60, () => ({ level: 0 }), true), [], 'a quiet room has noise');
  assert.deepEqual(noise(20, nothing, true), ['silent'], 'a switch on the headset');
  noise(1, () => ({ level: 0.2 }), true);
  assert.deepEqual(noise(20, nothing, true), ['silent'], 'and once more');
});

test('the picture in a window of its own is sent although the page is out of sight', () => {
  /** @type {any[]} */
  const sent = [];
  const views = new ViewSync((entries) => (sent.push(...entries), true));
  views.set([{ track_id: 'a', width: 1, height: 1 }, { track_id: 'b', width: 1, height: 1 }]);
  sent.length = 0;
  views.keep('a');
  views.setBackground(true);
  assert.deepEqual(sent, [{ track_id: 'b', hidden: true }]);
  views.keep('b');
  assert.deepEqual(sent.slice(1), [{ track_id: 'a', hidden: true }, { track_id: 'b', width: 1, height: 1 }]);
  views.setBackground(false);
  assert.deepEqual(sent.at(-1), { track_id: 'a', width: 1, height: 1 });
});

test('a film keeps its frames on a weak network, a text its sharpness', () => {
  const parameters = /** @type {any} */ ({ encodings: [{}] });
  shapeEncodings(parameters, 'screen', null, 'detail');
  assert.equal(parameters.degradationPreference, 'maintain-resolution');
  assert.equal(shapeEncodings(parameters, 'screen', null, 'motion'), true);
  assert.equal(parameters.degradationPreference, 'maintain-framerate');
  assert.equal(shapeEncodings(parameters, 'screen', null, 'motion'), false);
});

const PATH = [
  { id: 'T', type: 'transport', selectedCandidatePairId: 'P' },
  { id: 'P', type: 'candidate-pair', localCandidateId: 'L', remoteCandidateId: 'R' },
  { id: 'L', type: 'local-candidate', protocol: 'udp', candidateType: 'relay', relayProtocol: 'tcp' },
  { id: 'R', type: 'remote-candidate', candidateType: 'host' },
  { id: 'C', type: 'codec', mimeType: 'video/VP8' },
];

test('figures of a picture that is received', () => {
  const inbound = (/** @type {object} */ change) => [
    ...PATH,
    { id: 'A', type: 'inbound-rtp', kind: 'audio', mid: '3', bytesReceived: 9 },
    { id: 'V', type: 'inbound-rtp', kind: 'video', mid: '3', codecId: 'C', timestamp: 1000, frameWidth: 640, frameHeight: 360, framesPerSecond: 24, bytesReceived: 1000, packetsReceived: 10, packetsLost: 0, ...change },
    { id: 'W', type: 'inbound-rtp', kind: 'video', mid: '4', frameWidth: 1280, bytesReceived: 7 },
  ];
  const first = tileFigures(inbound({}), { mid: '3', self: false, layer: 'h' }, null);
  assert.deepEqual([first.figures.bps, first.figures.loss], [null, null]);
  const { figures } = tileFigures(inbound({ timestamp: 2000, bytesReceived: 2000, packetsReceived: 19, packetsLost: 1 }), { mid: '3', self: false, layer: 'h' }, first.count);
  assert.deepEqual(figures, { width: 640, height: 360, fps: 24, bps: 8000, loss: 0.1, layers: 'h', codec: 'VP8', transport: 'udp, tcp', local: 'relay', remote: 'host' });
  assert.equal(tileFigures(inbound({ timestamp: 3000, bytesReceived: 5 }), { mid: '3', self: false, layer: '' }, first.count).figures.bps, null, 'another stream counts anew');
  assert.deepEqual(tileFigures([], { mid: null, self: false, layer: '' }, null).figures.width, 0);
});

test('figures of a picture that is sent: its largest layer, all its bytes, and what was reported lost', () => {
  const outbound = (/** @type {number} */ n) => [
    ...PATH,
    { id: 'q', type: 'outbound-rtp', kind: 'video', mid: '1', rid: 'q', active: true, codecId: 'C', timestamp: n * 1000, frameWidth: 320, frameHeight: 180, framesPerSecond: 30, bytesSent: n * 1000, packetsSent: n * 10 },
    { id: 'h', type: 'outbound-rtp', kind: 'video', mid: '1', rid: 'h', active: true, codecId: 'C', timestamp: n * 1000, frameWidth: 640, frameHeight: 360, framesPerSecond: 30, bytesSent: n * 3000, packetsSent: n * 30 },
    { id: 'f', type: 'outbound-rtp', kind: 'video', mid: '1', rid: 'f', active: false, frameWidth: 1280, timestamp: n * 1000 },
    { id: 'rq', type: 'remote-inbound-rtp', localId: 'q', packetsLost: n },
    { id: 'rh', type: 'remote-inbound-rtp', localId: 'h', packetsLost: n * 3 },
  ];
  const first = tileFigures(outbound(1), { mid: '1', self: true, layer: '' }, null);
  const { figures } = tileFigures(outbound(2), { mid: '1', self: true, layer: '' }, first.count);
  assert.deepEqual([figures.width, figures.bps, figures.loss, figures.layers], [640, 32000, 0.1, 'q h']);
});
