import assert from 'node:assert/strict';
import { test } from 'node:test';
import './english.js';
import { judgeAll, judgeBrowser, judgeCamera, judgeJoin, judgeMedia, judgeMicrophone, judgeProblem, judgeQuality, judgeServer, judgeSpeaker, judgeWay, NOT_TESTED } from '../check/judge.js';
import { reportText } from '../check/report.js';
import { CHECKS, runChecks } from '../check/run.js';
import { t } from '../i18n/i18n.js';
import { candidateOf, onlyWay, waysOf, wayTaken } from '../check/ways.js';

const format = {
  milliseconds: (/** @type {number} */ ms) => `${ms} ms`,
  percent: (/** @type {number} */ share) => `${share * 100}%`,
  bitrate: (/** @type {number} */ bps) => `${bps} b/s`,
  number: String,
  list: (/** @type {string[]} */ items) => items.join(', '),
  way: (/** @type {string} */ way) => way,
};

const SDP = [
  'v=0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'a=candidate:1 1 udp 2130706431 192.0.2.7 8080 typ host',
  'a=candidate:2 1 UDP 2130706175 2001:db8::7 8080 typ host',
  'a=candidate:3 1 tcp 1671430143 192.0.2.7 8080 typ host tcptype passive',
  'a=candidate:1 1 udp 2130706431 192.0.2.7 8080 typ host',
  'a=end-of-candidates',
  '',
].join('\r\n');

test('the ways are read from the offer and from the relays', () => {
  const relays = [{ urls: 'stun:s.example' }, { urls: ['turn:t.example:3478', 'turn:t.example:3478?transport=tcp', 'turns:t.example'], username: 'u', credential: 'c' }];
  const ways = waysOf(SDP, relays);
  assert.deepEqual(ways.map((w) => [w.id, w.targets.join()]), [
    ['udp4', '192.0.2.7:8080'],
    ['udp6', '[2001:db8::7]:8080'],
    ['tcp4', '192.0.2.7:8080'],
    ['relay-udp', 'turn:t.example:3478'],
    ['relay-tcp', 'turn:t.example:3478?transport=tcp'],
    ['relay-tls', 'turns:t.example'],
  ]);
  assert.deepEqual(ways[4].relay, { urls: 'turn:t.example:3478?transport=tcp', username: 'u', credential: 'c' });
  assert.deepEqual(waysOf('', []), []);
  assert.equal(candidateOf('a=candidate:nonsense'), null);
  const only = onlyWay(SDP, ways[1]);
  assert.deepEqual(waysOf(only, []).map((w) => w.id), ['udp6']);
  assert.equal(only.split('\r\n').length, SDP.split('\r\n').length - 3, 'nothing but candidates is left out');
  assert.equal(onlyWay(SDP, ways[3]), SDP);
});

test('the way that was taken is that of the pair in use', () => {
  const local = { id: 'l', protocol: 'udp', candidateType: 'host' };
  const reports = (/** @type {object} */ l, /** @type {object} */ r, mark = {}) => [
    { id: 'l', type: 'local-candidate', ...local, ...l },
    { id: 'r', type: 'remote-candidate', address: '192.0.2.7', ...r },
    { id: 'p', type: 'candidate-pair', state: 'succeeded', localCandidateId: 'l', remoteCandidateId: 'r', ...mark },
  ];
  const transport = { id: 't', type: 'transport', selectedCandidatePairId: 'p' };
  assert.equal(wayTaken([...reports({}, {}), transport]), 'udp4');
  assert.equal(wayTaken([...reports({}, { address: '2001:db8::7' }), transport]), 'udp6');
  assert.equal(wayTaken([...reports({ protocol: 'tcp' }, {}), transport]), 'tcp4');
  assert.equal(wayTaken(reports({}, {}, { nominated: true })), 'udp4', 'as Firefox says it');
  assert.equal(wayTaken([...reports({ candidateType: 'relay', relayProtocol: 'tls' }, {}), transport]), 'relay-tls');
  assert.equal(wayTaken([]), null);
});

test('each finding has its level, its words and its advice', () => {
  const good = { webrtc: true, secure: true, devices: true, screen: true, speaker: true };
  const refused = (/** @type {string} */ code) => judgeServer({ ok: false, status: 403, code, message: 'no', retryAfterMs: 0 }, 5, format);
  const quality = { rttMs: 20, lossUp: 0, lossDown: 0, videoBps: 9e5, fps: 29, width: 640, height: 360, sentFps: 30 };
  /** @type {[import('../check/judge.js').Judgement, string, string, string?][]} */
  const findings = [
    [judgeBrowser(good), 'good', 'check.browser.good'],
    [judgeBrowser({ ...good, webrtc: false }), 'bad', 'problem.no-webrtc.title', 'problem.no-webrtc.text'],
    [judgeBrowser({ ...good, secure: false }), 'bad', 'problem.insecure.title', 'problem.insecure.text'],
    [judgeServer({ ok: true, room: 'r', username: 'u', peers: 0 }, 20, format), 'good', 'check.server.good'],
    [judgeServer({ ok: true, room: 'r', username: 'u', peers: 0 }, 900, format), 'fair', 'check.server.slow', 'check.network.do'],
    [refused('unreachable'), 'bad', 'check.server.unreachable', 'check.server.unreachable.do'],
    [refused('token_required'), 'bad', 'check.server.token', 'check.server.token.do'],
    [refused('token_invalid'), 'bad', 'check.server.not-permitted', 'check.server.not-permitted.do'],
    [refused('server_full'), 'bad', 'check.refused', 'check.refused.do'],
    [judgeProblem('camera', 'denied'), 'bad', 'problem.denied.camera', 'problem.denied.text'],
    [judgeProblem('microphone', 'insecure'), 'bad', 'problem.insecure.title', 'problem.insecure.text'],
    [judgeMicrophone(0.5), 'good', 'check.microphone.good'],
    [judgeMicrophone(0.05), 'fair', 'check.microphone.silent', 'check.microphone.silent.do'],
    [judgeCamera({ width: 640, height: 360, frameRate: 30 }, format), 'good', 'check.camera.good'],
    [judgeSpeaker(true), 'good', 'check.speaker.good'],
    [judgeSpeaker(false), 'bad', 'check.speaker.bad', 'check.speaker.bad.do'],
    [judgeJoin({ joinedMs: 30, lobby: false, ending: null }, format), 'good', 'check.join.good'],
    [judgeJoin({ joinedMs: 3000, lobby: false, ending: null }, format), 'fair', 'check.join.slow', 'check.network.do'],
    [judgeJoin({ joinedMs: null, lobby: true, ending: null }, format), 'unknown', 'check.join.lobby', 'check.join.lobby.do'],
    [judgeJoin({ joinedMs: null, lobby: false, ending: { code: 'websocket_blocked', message: '' } }, format), 'bad', 'check.join.blocked', 'check.join.blocked.do'],
    [judgeJoin({ joinedMs: null, lobby: false, ending: { code: 'room_full', message: 'full' } }, format), 'bad', 'check.refused', 'check.refused.do'],
    [judgeMedia({ connectedMs: 50, way: 'udp4', ways: [] }, format), 'good', 'check.media.good'],
    [judgeMedia({ connectedMs: 5000, way: 'udp4', ways: [] }, format), 'fair', 'check.media.slow', 'check.network.do'],
    [judgeMedia({ connectedMs: null, way: null, ways: waysOf(SDP, []) }, format), 'bad', 'check.media.blocked', 'check.media.blocked.do'],
    [judgeWay(40, format), 'good', 'check.way.good'],
    [judgeWay(null, format), 'unknown', 'check.way.fails'],
    [judgeQuality(quality, format), 'good', 'check.quality.figures'],
    [judgeQuality({ ...quality, lossUp: 0.05 }, format), 'fair', 'check.quality.figures', 'check.quality.loss.do'],
    [judgeQuality({ ...quality, lossDown: 0.2, rttMs: 300 }, format), 'bad', 'check.quality.figures', 'check.quality.loss.do'],
    [judgeQuality({ ...quality, rttMs: 300 }, format), 'fair', 'check.quality.figures', 'check.quality.delay.do'],
    [judgeQuality({ ...quality, fps: 4 }, format), 'bad', 'check.quality.figures', 'check.quality.motion.do'],
    [judgeQuality({ ...quality, fps: 14, sentFps: 15 }, format), 'good', 'check.quality.figures'],
    [judgeQuality({ ...quality, videoBps: 0 }, format), 'bad', 'check.quality.nothing', 'check.network.do'],
  ];
  for (const [{ level, text, advice }, ...wanted] of findings) {
    assert.deepEqual([level, text[0], ...(advice ? [advice[0]] : [])], wanted);
    for (const words of [text, advice]) if (words) assert.doesNotMatch(t(...words), /\{|\[object|undefined/, words[0]);
  }
  assert.equal(judgeAll(['good', 'unknown', 'good'], 'good').level, 'good');
  assert.equal(judgeAll(['good', 'fair', 'unknown'], 'good').level, 'fair');
  assert.equal(judgeAll(['good', 'unknown'], 'unknown').text[0], 'check.all.untested');
  assert.equal(judgeAll(['bad', 'fair'], 'unknown').text[0], 'check.all.bad');
});

/** @param {object} change */
async function run(change) {
  const track = { getSettings: () => ({ width: 640, height: 360, frameRate: 30 }) };
  const problems = { microphone: null, camera: null };
  /** @type {string[]} */
  const happened = [];
  const loop = {
    join: async () => ({ joinedMs: 30, lobby: false, ending: null }),
    connect: async () => ({ connectedMs: 50, way: 'udp4', ways: waysOf(SDP, []) }),
    receive: async () => 'picture',
    measure: async () => ({ rttMs: 20, lossUp: 0, lossDown: 0, videoBps: 9e5, fps: 29, width: 640, height: 360, sentFps: 30 }),
    probe: async (/** @type {{id: string}} */ way) => (way.id === 'udp6' ? null : 40),
    leave: () => void happened.push('left'),
    .../** @type {any} */ (change).loop,
  };
  const world = /** @type {any} */ ({
    support: { webrtc: true, secure: true, devices: true },
    local: { open: async () => undefined, track: () => track, state: { problems } },
    ask: async () => ({ ok: true, room: 'r', username: 'u', peers: 0 }),
    loudest: () => 0.6,
    synthetic: () => ({ stop: () => void happened.push('stopped') }),
    loop: () => loop,
    format,
    now: () => 0,
    ...change,
    ...(/** @type {any} */ (change).loop && { loop: () => loop }),
  });
  /** @type {Record<string, string>} */
  const levels = {};
  const begun = new Set();
  await runChecks(world, {
    begins: (id) => void begun.add(id),
    found: (id, { level }) => void (levels[id] = level),
    returned: (stream) => void happened.push(stream ? 'shown' : 'gone'),
    progress: () => undefined,
  });
  return { levels, happened, begun };
}

test('what one check finds decides which of the next make sense, and each gets its answer', async () => {
  const fine = await run({});
  assert.deepEqual(fine.levels, { browser: 'good', server: 'good', microphone: 'good', camera: 'good', join: 'good', media: 'good', quality: 'good', 'way:udp6': 'unknown', 'way:tcp4': 'good' });
  assert.deepEqual(fine.happened, ['shown', 'gone', 'left']);

  const closed = await run({ ask: async () => ({ ok: false, status: 401, code: 'token_required', message: '', retryAfterMs: 0 }) });
  assert.deepEqual([closed.levels.server, closed.levels.camera, closed.levels.join, closed.levels.quality], ['bad', 'good', 'unknown', 'unknown']);
  assert.equal(closed.begun.has('join'), false);

  const blocked = await run({ loop: { connect: async () => ({ connectedMs: null, way: null, ways: [] }) } });
  assert.deepEqual([blocked.levels.join, blocked.levels.media, blocked.levels.quality], ['good', 'bad', 'unknown']);
  const lobby = await run({ loop: { join: async () => ({ joinedMs: null, lobby: true, ending: null }) } });
  assert.deepEqual([lobby.levels.join, lobby.levels.media], ['unknown', 'unknown']);
  assert.deepEqual(lobby.happened, ['gone', 'left']);

  const bare = await run({ local: { open: async () => undefined, track: () => null, state: { problems: { microphone: 'missing', camera: 'missing' } } } });
  assert.deepEqual([bare.levels.microphone, bare.levels.camera, bare.levels.quality], ['bad', 'bad', 'good'], 'without devices the network is tested all the same');
  assert.ok(bare.happened.includes('stopped'));
  for (const { levels } of [fine, closed, blocked, lobby, bare]) for (const id of CHECKS) assert.ok(levels[id], `${id} has an answer`);
  const broken = run({ loop: { connect: async () => Promise.reject(new Error('boom')) } });
  await assert.rejects(broken, /boom/);
});

test('the report is plain text', () => {
  const text = reportText({ origin: 'https://meet.example', time: '2026-01-01T10:00:00Z', browser: 'Browser/1', summary: 'All is well.' }, [
    { title: 'Camera', level: 'Bad', text: 'Blocked.', advice: 'Allow it.' },
    { title: 'Server', level: 'Good', text: t(...NOT_TESTED.text), advice: '' },
  ]);
  assert.equal(text, 'AQ Server, https://meet.example\n2026-01-01T10:00:00Z\nBrowser/1\n\nAll is well.\n\n[Bad] Camera: Blocked. Allow it.\n[Good] Server: Not tested.\n');
});
