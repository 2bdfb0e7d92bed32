/** Short sounds of our own, made as they are played: for who comes, goes, writes or raises a hand, and to try a loudspeaker. No DOM elements. */

/** Notes, as frequency in hertz and beginning in seconds. @type {Record<string, readonly (readonly [number, number])[]>} */
const TONES = {
  joined: [[523, 0], [784, 0.1]],
  left: [[784, 0], [523, 0.1]],
  chat: [[988, 0]],
  mention: [[988, 0], [1319, 0.09]],
  hand: [[659, 0], [880, 0.12], [659, 0.24]],
  knock: [[392, 0], [392, 0.18]],
  test: [[523, 0], [659, 0.25], [784, 0.5], [1047, 0.75]],
};
/** How long a note rings, in seconds. */
const RINGS_S = 0.35;
const LOUDNESS = 0.12;

/** @typedef {'joined'|'left'|'chat'|'mention'|'hand'|'knock'|'test'} Tone */

/**
 * Plays a sound to its end.
 *
 * @param {Tone} tone
 * @param {string} sinkId  the loudspeaker; empty: the default
 * @returns {Promise<boolean>} false: the browser does not let it sound, or that loudspeaker is gone
 */
export async function play(tone, sinkId) {
  /** @type {AudioContext|null} */
  let context = null;
  try {
    context = new AudioContext();
    const output = await route(context, sinkId);
    // Without a click on the page before, browsers keep it asleep.
    if (context.state !== 'running') await Promise.race([context.resume(), pause(0.3)]);
    if (/** @type {string} */ (context.state) !== 'running') return false;
    const notes = TONES[tone];
    for (const [frequency, at] of notes) ring(context, output, frequency, context.currentTime + at);
    await pause(notes[notes.length - 1][1] + RINGS_S);
    return true;
  } catch {
    return false;
  } finally {
    context?.close().catch(() => undefined);
  }
}

/**
 * Chromium sends a whole context to a loudspeaker; others only an audio element.
 *
 * @param {AudioContext & {setSinkId?: (id: string) => Promise<void>}} context
 * @param {string} sinkId
 * @returns {Promise<AudioNode>}
 */
async function route(context, sinkId) {
  if (sinkId === '') return context.destination;
  if (context.setSinkId) {
    // The default has a name of its own among devices, and none here.
    await context.setSinkId(sinkId === 'default' ? '' : sinkId);
    return context.destination;
  }
  const output = context.createMediaStreamDestination();
  const player = new Audio();
  player.srcObject = output.stream;
  await player.setSinkId(sinkId);
  await player.play();
  return output;
}

/** @param {AudioContext} context @param {AudioNode} output @param {number} frequency @param {number} at */
function ring(context, output, frequency, at) {
  const source = context.createOscillator();
  const gain = context.createGain();
  source.frequency.value = frequency;
  // From nothing and back to nothing, for a jump is heard as a click.
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(LOUDNESS, at + 0.015);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + RINGS_S);
  source.connect(gain).connect(output);
  source.start(at);
  source.stop(at + RINGS_S);
}

/** @param {number} seconds */
function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
