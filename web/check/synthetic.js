/** A picture that moves and a quiet tone, for whoever has no camera or microphone: the network can be tested all the same. */

const WIDTH = 1280;
const HEIGHT = 720;
const FPS = 30;

/** @returns {{microphone: MediaStreamTrack, camera: MediaStreamTrack, stop: () => void}} */
export function syntheticTracks() {
  const canvas = document.createElement('canvas');
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext('2d');
  let frame = 0;
  const timer = setInterval(() => {
    if (!context) return;
    frame += 1;
    context.fillStyle = `hsl(${frame % 360} 40% 35%)`;
    context.fillRect(0, 0, WIDTH, HEIGHT);
    context.fillStyle = 'white';
    for (let i = 0; i < 12; i++) context.fillRect((frame * (i + 3)) % WIDTH, i * 60, 48, 40);
  }, 1000 / FPS);
  const [camera] = canvas.captureStream(FPS).getVideoTracks();
  const sound = new AudioContext();
  const oscillator = sound.createOscillator();
  const volume = sound.createGain();
  const destination = sound.createMediaStreamDestination();
  volume.gain.value = 0.05;
  oscillator.connect(volume).connect(destination);
  oscillator.start();
  const [microphone] = destination.stream.getAudioTracks();
  return {
    microphone,
    camera,
    stop() {
      clearInterval(timer);
      camera.stop();
      microphone.stop();
      sound.close().catch(() => undefined);
    },
  };
}

/** A tone of the length of a knock, to be heard. @param {string} speaker  device id; empty: the default */
export async function playTone(speaker) {
  const sound = new AudioContext();
  const routed = /** @type {AudioContext & {setSinkId?: (id: string) => Promise<void>}} */ (sound);
  // The loudspeaker may be gone; then the browser goes on with the default.
  if (speaker && routed.setSinkId) await routed.setSinkId(speaker).catch(() => undefined);
  const oscillator = sound.createOscillator();
  const volume = sound.createGain();
  oscillator.connect(volume).connect(sound.destination);
  const { currentTime: now } = sound;
  oscillator.frequency.setValueAtTime(523, now);
  oscillator.frequency.setValueAtTime(659, now + 0.35);
  volume.gain.setValueAtTime(0, now);
  volume.gain.linearRampToValueAtTime(0.25, now + 0.03);
  volume.gain.setValueAtTime(0.25, now + 0.65);
  volume.gain.linearRampToValueAtTime(0, now + 0.75);
  oscillator.onended = () => sound.close().catch(() => undefined);
  oscillator.start(now);
  oscillator.stop(now + 0.8);
}
