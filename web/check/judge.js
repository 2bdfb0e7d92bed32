/** What was found, as a judgement: how good it is, in which words, and what to do. Pure. */

import { errorText } from '../ui/words.js';

/** @typedef {'good'|'fair'|'bad'|'unknown'} Level  unknown: it was not tested, or says nothing */
/** @typedef {import('../i18n/i18n.js').Key} Key */
/** A text and what is put into it. @typedef {[Key, Record<string, string|number>?]} Text */
/** @typedef {{level: Level, text: Text, advice: Text|null}} Judgement */

/** @type {(level: Level, text: Text, advice?: Text|null) => Judgement} */
const judge = (level, text, advice = null) => ({ level, text, advice });

/** @type {Judgement} */
export const NOT_TESTED = judge('unknown', ['check.not-tested']);
/** Whether the tone was heard, the person has to say. @type {Judgement} */
export const NOT_ASKED = judge('unknown', ['check.speaker.ask']);

/** @param {import('../media/support.js').Support} support @returns {Judgement} */
export function judgeBrowser({ webrtc, secure, devices }) {
  if (!webrtc) return judge('bad', ['problem.no-webrtc.title'], ['problem.no-webrtc.text']);
  if (!secure || !devices) return judge('bad', ['problem.insecure.title'], ['problem.insecure.text']);
  return judge('good', ['check.browser.good']);
}

/**
 * @param {import('../protocol/validate.js').Admission|import('../protocol/validate.js').Refusal} answer
 * @param {number} ms
 * @param {Format} format
 * @returns {Judgement}
 */
export function judgeServer(answer, ms, format) {
  const time = { time: format.milliseconds(ms) };
  if (answer.ok) return ms < 500 ? judge('good', ['check.server.good', time]) : judge('fair', ['check.server.slow', time], ['check.network.do']);
  switch (answer.code) {
    case 'unreachable':
      return judge('bad', ['check.server.unreachable'], ['check.server.unreachable.do']);
    case 'token_required':
      return judge('bad', ['check.server.token'], ['check.server.token.do']);
    case 'token_invalid':
    case 'not_permitted':
      return judge('bad', ['check.server.not-permitted'], ['check.server.not-permitted.do']);
    default:
      return judge('bad', ['check.refused', { message: errorText(answer.code, answer.message) }], ['check.refused.do']);
  }
}

/**
 * @param {'microphone'|'camera'} kind
 * @param {import('../media/devices.js').DeviceProblem} problem
 * @returns {Judgement}
 */
export function judgeProblem(kind, problem) {
  if (problem === 'insecure') return judge('bad', ['problem.insecure.title'], ['problem.insecure.text']);
  return judge('bad', [`problem.${problem}.${kind}`], [`problem.${problem}.text`]);
}

/** Quieter than this at its loudest, and nobody has spoken. */
const SILENCE = 0.2;

/** @param {number} loudest  from 0 to 1 @returns {Judgement} */
export function judgeMicrophone(loudest) {
  return loudest < SILENCE ? judge('fair', ['check.microphone.silent'], ['check.microphone.silent.do']) : judge('good', ['check.microphone.good']);
}

/** @param {MediaTrackSettings} settings @param {Format} format @returns {Judgement} */
export function judgeCamera({ width = 0, height = 0, frameRate = 0 }, format) {
  return judge('good', ['check.camera.good', { width: String(width), height: String(height), fps: format.number(Math.round(frameRate)) }]);
}

/** @param {boolean} heard @returns {Judgement} */
export function judgeSpeaker(heard) {
  return heard ? judge('good', ['check.speaker.good']) : judge('bad', ['check.speaker.bad'], ['check.speaker.bad.do']);
}

/**
 * What became of joining: the WebSocket.
 *
 * @typedef {{joinedMs: number|null, lobby: boolean, ending: {code: string, message: string}|null}} Joining
 * @param {Joining} joining
 * @param {Format} format
 * @returns {Judgement}
 */
export function judgeJoin({ joinedMs, lobby, ending }, format) {
  if (joinedMs !== null) {
    const time = { time: format.milliseconds(joinedMs) };
    return joinedMs < 1500 ? judge('good', ['check.join.good', time]) : judge('fair', ['check.join.slow', time], ['check.network.do']);
  }
  if (lobby) return judge('unknown', ['check.join.lobby'], ['check.join.lobby.do']);
  if (!ending || ending.code === 'websocket_blocked') return judge('bad', ['check.join.blocked'], ['check.join.blocked.do']);
  return judge('bad', ['check.refused', { message: errorText(ending.code, ending.message || ending.code) }], ['check.refused.do']);
}

/**
 * @param {{connectedMs: number|null, way: import('./ways.js').WayId|null, ways: readonly import('./ways.js').Way[]}} media
 * @param {Format} format
 * @returns {Judgement}
 */
export function judgeMedia({ connectedMs, way, ways }, format) {
  if (connectedMs === null) {
    const targets = format.list([...new Set(ways.flatMap((w) => w.targets))]);
    return judge('bad', ['check.media.blocked', { targets }], ['check.media.blocked.do', { targets }]);
  }
  const found = { time: format.milliseconds(connectedMs), way: way ? format.way(way) : '' };
  return connectedMs < 3000 ? judge('good', ['check.media.good', found]) : judge('fair', ['check.media.slow', found], ['check.network.do']);
}

/** Of a way that was not the first choice. @param {number|null} connectedMs @param {Format} format @returns {Judgement} */
export function judgeWay(connectedMs, format) {
  if (connectedMs === null) return judge('unknown', ['check.way.fails']);
  return judge('good', ['check.way.good', { time: format.milliseconds(connectedMs) }]);
}

/**
 * @typedef {object} Quality
 * @property {number|null} rttMs
 * @property {number} lossUp     from 0 to 1
 * @property {number} lossDown
 * @property {number} videoBps   as it came back
 * @property {number} fps
 * @property {number} width
 * @property {number} height
 * @property {number} sentFps    what the camera gave
 */

/** @type {readonly Level[]} */
const ORDER = ['good', 'unknown', 'fair', 'bad'];

/** @param {readonly Level[]} levels @returns {Level} */
export function worst(levels) {
  return levels.reduce((a, b) => (ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a), 'good');
}

/** @param {number} value @param {number} fair  at least this is no longer good @param {number} bad @returns {Level} */
const above = (value, fair, bad) => (value >= bad ? 'bad' : value >= fair ? 'fair' : 'good');

/**
 * @param {Quality} quality
 * @param {Format} format
 * @returns {Judgement}
 */
export function judgeQuality(quality, format) {
  const { rttMs, lossUp, lossDown, videoBps, fps, width, height, sentFps } = quality;
  if (videoBps === 0 || fps === 0) return judge('bad', ['check.quality.nothing'], ['check.network.do']);
  const loss = above(Math.max(lossUp, lossDown), 0.02, 0.08);
  const delay = above(rttMs ?? 0, 200, 500);
  // A camera in a dark room gives fewer frames; that is not the network's doing.
  const motion = above(1 - fps / Math.max(sentFps, 1), 0.4, 0.8);
  const level = worst([loss, delay, motion]);
  const figures = {
    rtt: rttMs === null ? '–' : format.milliseconds(rttMs),
    up: format.percent(lossUp),
    down: format.percent(lossDown),
    bitrate: format.bitrate(videoBps),
    fps: format.number(Math.round(fps)),
    width: String(width),
    height: String(height),
  };
  if (level === 'good') return judge(level, ['check.quality.figures', figures]);
  const advice = loss === level ? 'check.quality.loss.do' : delay === level ? 'check.quality.delay.do' : 'check.quality.motion.do';
  return judge(level, ['check.quality.figures', figures], [advice]);
}

/**
 * What it all amounts to.
 *
 * @param {readonly Level[]} levels
 * @param {Level} media  that of sound and picture, without which nothing is well
 * @returns {{level: Level, text: Text}}
 */
export function judgeAll(levels, media) {
  const level = worst(levels.filter((one) => one !== 'unknown'));
  if (media === 'unknown' && level !== 'bad') return { level: 'unknown', text: ['check.all.untested'] };
  return { level, text: [/** @type {Key} */ (`check.all.${level}`)] };
}

/**
 * How figures are written.
 *
 * @typedef {object} Format
 * @property {(ms: number) => string} milliseconds
 * @property {(share: number) => string} percent
 * @property {(bitsPerSecond: number) => string} bitrate
 * @property {(value: number) => string} number
 * @property {(items: readonly string[]) => string} list
 * @property {(way: import('./ways.js').WayId) => string} way
 */
