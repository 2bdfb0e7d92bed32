import assert from 'node:assert/strict';
import { test } from 'node:test';

import { constraintsFor, openDevice, problemOf } from '../media/devices.js';
import { levelOf } from '../media/levels.js';
import { shapeEncodings } from '../media/sending.js';
import { figuresOf } from '../media/stats.js';

/** @param {string} name */
const failure = (name) => Object.assign(new Error('x'), { name });

test('errors of getUserMedia have a meaning', () => {
  assert.equal(problemOf(failure('NotAllowedError')), 'denied');
  assert.equal(problemOf(failure('NotFoundError')), 'missing');
  assert.equal(problemOf(failure('OverconstrainedError')), 'missing');
  assert.equal(problemOf(failure('NotReadableError')), 'busy');
  assert.equal(problemOf(failure('SomethingNew')), 'failed');
  assert.equal(problemOf('text'), 'failed');
});

test('a chosen device that is gone is replaced by the default', async () => {
  /** @type {any[]} */
  const asked = [];
  const track = { kind: 'video' };
  const media = /** @type {any} */ ({
    getUserMedia: async (/** @type {any} */ constraints) => {
      asked.push(constraints);
      if (constraints.video.deviceId) throw failure('OverconstrainedError');
      return { getTracks: () => [track] };
    },
  });
  assert.equal(await openDevice('camera', 'gone', media), track);
  assert.deepEqual(asked, [constraintsFor('camera', 'gone'), constraintsFor('camera', '')]);
  const denied = /** @type {any} */ ({ getUserMedia: async () => { throw failure('NotAllowedError'); } });
  await assert.rejects(openDevice('camera', 'x', denied), { name: 'NotAllowedError' });
});

test('camera: a bitrate per layer, and only watched layers run', () => {
  const parameters = /** @type {any} */ ({ encodings: [{ rid: 'q', active: true }, { rid: 'h', active: true }, { rid: 'f', active: true }] });
  assert.equal(shapeEncodings(parameters, 'camera', ['q', 'h']), true);
  assert.deepEqual(parameters.encodings.map((/** @type {any} */ e) => [e.rid, e.active, e.maxBitrate]), [['q', true, 180000], ['h', true, 650000], ['f', false, 2200000]]);
  assert.equal(shapeEncodings(parameters, 'camera', ['q', 'h']), false, 'nothing left to change');
  assert.equal(shapeEncodings(parameters, 'camera', null), true);
  assert.equal(parameters.encodings[2].active, true);
  assert.equal(shapeEncodings(parameters, 'camera', []), true);
  assert.ok(parameters.encodings.every((/** @type {any} */ e) => !e.active));
});

test('camera: to save data its full size is not sent', () => {
  const parameters = /** @type {any} */ ({ encodings: [{ rid: 'q', active: true }, { rid: 'h', active: true }, { rid: 'f', active: true }] });
  assert.equal(shapeEncodings(parameters, 'camera', ['f'], '', true), true);
  assert.deepEqual(parameters.encodings.map((/** @type {any} */ e) => e.active), [false, true, false], 'half of it for who wants all');
  shapeEncodings(parameters, 'camera', null, '', true);
  assert.deepEqual(parameters.encodings.map((/** @type {any} */ e) => e.active), [true, true, false]);
  const plain = /** @type {any} */ ({ encodings: [{ active: true }] });
  shapeEncodings(plain, 'camera', null, '', true);
  assert.equal(plain.encodings[0].maxBitrate, 650_000);
  shapeEncodings(plain, 'camera', null);
  assert.equal(plain.encodings[0].maxBitrate, 2_200_000);
});

test('screen: one layer, which is never switched off; a microphone is left as it is', () => {
  const screen = /** @type {any} */ ({ encodings: [{ active: true }] });
  shapeEncodings(screen, 'screen', []);
  assert.deepEqual(screen.encodings, [{ active: true, maxBitrate: 3000000 }]);
  assert.equal(shapeEncodings(/** @type {any} */ ({ encodings: [{ active: true }] }), 'microphone', null), false);
  assert.equal(shapeEncodings(/** @type {any} */ ({}), 'camera', null), false);
});

test('levels: silence is 0, full scale is 1, and a quiet voice is visible', () => {
  assert.equal(levelOf(new Float32Array(64)), 0);
  assert.equal(levelOf(new Float32Array(0)), 0);
  assert.equal(levelOf(new Float32Array(64).fill(1)), 1);
  const quiet = levelOf(new Float32Array(64).fill(0.01));
  assert.ok(quiet > 0.3 && quiet < 0.4);
});

test('figures: rates between two samples', () => {
  const reports = (/** @type {number} */ at, /** @type {number} */ sent, /** @type {number} */ received) => [
    { id: 'T', type: 'transport', selectedCandidatePairId: 'P', bytesSent: sent, bytesReceived: received },
    { id: 'P', type: 'candidate-pair', timestamp: at, currentRoundTripTime: 0.038, localCandidateId: 'L' },
    { id: 'L', type: 'local-candidate', protocol: 'udp', candidateType: 'host' },
    { id: 'O', type: 'outbound-rtp', kind: 'video', frameWidth: 320, frameHeight: 180, framesPerSecond: 30, codecId: 'C' },
    { id: 'O2', type: 'outbound-rtp', kind: 'video', frameWidth: 1280, frameHeight: 720, framesPerSecond: 30, codecId: 'C' },
    { id: 'C', type: 'codec', mimeType: 'video/VP8' },
  ];
  const first = figuresOf(reports(1000, 0, 0), null);
  assert.deepEqual(first.figures, { rttMs: 38, sendBps: null, receiveBps: null, path: 'udp, host', sending: '1280 × 720, VP8' });
  const second = figuresOf(reports(3000, 500000, 250000), first.sample);
  assert.equal(second.figures.sendBps, 2000000);
  assert.equal(second.figures.receiveBps, 1000000);
  assert.equal(figuresOf(reports(4000, 10, 10), second.sample).figures.sendBps, null, 'another connection counts anew');
  assert.equal(figuresOf([], null).figures.rttMs, null);
});
