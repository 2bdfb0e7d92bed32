/** How loud a microphone is, for a meter. No DOM elements. */

/** Below this many decibels (full scale) the meter shows nothing; above 0 it is full. */
const FLOOR_DB = -60;

/**
 * @param {Float32Array} samples from -1 to 1
 * @returns {number} from 0 (silence) to 1, on a scale that follows the ear
 */
export function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(samples.length, 1));
  if (rms === 0) return 0;
  const decibels = 20 * Math.log10(rms);
  return Math.min(Math.max((decibels - FLOOR_DB) / -FLOOR_DB, 0), 1);
}

/**
 * Watches a track and reports its level some 15 times a second.
 *
 * @param {MediaStreamTrack} track  not changed, not stopped
 * @param {(level: number, silent: boolean) => void} onLevel  silent: there is not even noise
 * @returns {() => void} ends it
 */
export function watchLevel(track, onLevel) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    // Without a click on the page browsers keep an AudioContext asleep.
    if (context.state === 'suspended') context.resume().catch(() => undefined);
    analyser.getFloatTimeDomainData(samples);
    const silent = context.state === 'running' && samples.every((sample) => sample === 0);
    onLevel(track.enabled ? levelOf(samples) : 0, silent);
  }, 66);
  return () => {
    clearInterval(timer);
    context.close().catch(() => undefined);
  };
}
