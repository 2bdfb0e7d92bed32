/** The checks, one after the other. What one has found decides which of the next make sense. */

import { judgeBrowser, judgeCamera, judgeJoin, judgeMedia, judgeMicrophone, judgeProblem, judgeQuality, judgeServer, judgeWay, NOT_TESTED } from './judge.js';

/** @typedef {import('./judge.js').Judgement} Judgement */
/** @typedef {'browser'|'server'|'microphone'|'camera'|'join'|'media'|'quality'|`way:${string}`} CheckId */

/** Those that are always there, in their order. @type {readonly CheckId[]} */
export const CHECKS = ['browser', 'server', 'microphone', 'camera', 'join', 'media', 'quality'];

/**
 * @typedef {object} World
 * @property {import('../media/support.js').Support} support
 * @property {import('../media/localmedia.js').LocalMedia} local
 * @property {() => Promise<import('../protocol/validate.js').Admission|import('../protocol/validate.js').Refusal>} ask   the server, over HTTP
 * @property {() => number} loudest   how loud the microphone has been at most since it was opened, from 0 to 1
 * @property {() => {microphone: MediaStreamTrack, camera: MediaStreamTrack, stop: () => void}} synthetic
 * @property {(tracks: {microphone: MediaStreamTrack, camera: MediaStreamTrack}) => import('./loop.js').Loop} loop
 * @property {import('./judge.js').Format} format
 * @property {() => number} now  milliseconds
 */
/**
 * @typedef {object} Listener
 * @property {(id: CheckId, way?: import('./ways.js').Way) => void} begins
 * @property {(id: CheckId, judgement: Judgement) => void} found
 * @property {(stream: MediaStream|null) => void} returned   the picture that came back
 * @property {(share: number) => void} progress              of the measurement
 */

/** The quickest of so many answers is what the network takes; the others wait for something else. */
const ASKED = 3;

/**
 * @param {World} world
 * @param {Listener} tell
 */
export async function runChecks(world, tell) {
  tell.begins('browser');
  tell.found('browser', judgeBrowser(world.support));
  tell.begins('server');
  const server = await askServer(world);
  tell.found('server', server);
  await openDevices(world, tell);
  if (server.level !== 'bad' && world.support.webrtc) await checkMedia(world, tell);
  else for (const id of /** @type {const} */ (['join', 'media', 'quality'])) tell.found(id, NOT_TESTED);
  const { local } = world;
  if (local.track('microphone')) tell.found('microphone', judgeMicrophone(world.loudest()));
}

/** @param {World} world */
async function askServer({ ask, format, now }) {
  let best = Infinity;
  let answer = null;
  for (let i = 0; i < ASKED; i++) {
    const began = now();
    answer = await ask();
    best = Math.min(best, now() - began);
    if (!answer.ok) break;
  }
  return judgeServer(/** @type {NonNullable<typeof answer>} */ (answer), best, format);
}

/** @param {World} world @param {Listener} tell */
async function openDevices({ local, format }, tell) {
  tell.begins('microphone');
  tell.begins('camera');
  await local.open({ microphone: true, camera: true });
  const { microphone, camera } = local.state.problems;
  // What the microphone hears is known in the end.
  if (microphone) tell.found('microphone', judgeProblem('microphone', microphone));
  const track = local.track('camera');
  if (camera) tell.found('camera', judgeProblem('camera', camera));
  else if (track) tell.found('camera', judgeCamera(track.getSettings(), format));
}

/** @param {World} world @param {Listener} tell */
async function checkMedia(world, tell) {
  const { local, format } = world;
  const microphone = local.track('microphone');
  const camera = local.track('camera');
  const spare = microphone && camera ? null : world.synthetic();
  const loop = world.loop({
    microphone: microphone ?? /** @type {MediaStreamTrack} */ (spare?.microphone),
    camera: camera ?? /** @type {MediaStreamTrack} */ (spare?.camera),
  });
  try {
    tell.begins('join');
    const joining = await loop.join();
    tell.found('join', judgeJoin(joining, format));
    if (joining.joinedMs === null) {
      tell.found('media', NOT_TESTED);
      tell.found('quality', NOT_TESTED);
      return;
    }
    tell.begins('media');
    const media = await loop.connect();
    tell.found('media', judgeMedia(media, format));
    if (media.connectedMs === null) {
      tell.found('quality', NOT_TESTED);
      return;
    }
    tell.begins('quality');
    tell.returned(await loop.receive());
    tell.found('quality', judgeQuality(await loop.measure(tell.progress), format));
    for (const way of media.ways.filter((w) => w.id !== media.way)) {
      const id = /** @type {CheckId} */ (`way:${way.relay ? way.targets[0] : way.id}`);
      tell.begins(id, way);
      tell.found(id, judgeWay(await loop.probe(way), format));
    }
  } finally {
    tell.returned(null);
    loop.leave();
    spare?.stop();
  }
}
