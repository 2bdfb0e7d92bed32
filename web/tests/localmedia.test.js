import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LocalMedia } from '../media/localmedia.js';
import { FakeStream, FakeTrack } from './fakemedia.js';
import { settle } from './fakes.js';

globalThis.MediaStream = /** @type {any} */ (FakeStream);

/** @param {(constraints: any) => string|null} [refuse] the name of an error, or null */
function setup(refuse = () => null) {
  /** @type {any[]} */
  const asked = [];
  /** @type {[string, any][]} */
  const tracks = [];
  const media = Object.assign(new EventTarget(), {
    enumerateDevices: async () => [{ kind: 'audioinput', deviceId: 'm', label: '' }, { kind: 'videoinput', deviceId: '', label: '' }],
    getUserMedia: async (/** @type {any} */ constraints) => {
      asked.push(constraints);
      const name = refuse(constraints);
      if (name) throw Object.assign(new Error(name), { name });
      return new FakeStream([
        ...(constraints.audio ? [new FakeTrack('audio', constraints.audio.deviceId?.exact)] : []),
        ...(constraints.video ? [new FakeTrack('video', constraints.video.deviceId?.exact)] : []),
      ]);
    },
    getDisplayMedia: async () => new FakeStream([new FakeTrack('video'), new FakeTrack('audio')]),
  });
  const local = new LocalMedia({ media: /** @type {any} */ (media), onChange: () => undefined, onTrack: (source, track) => tracks.push([source, track]) });
  return { local, asked, tracks };
}

test('both devices with one prompt', async () => {
  const { local, asked } = setup();
  await local.open({ microphone: true, camera: true });
  assert.equal(asked.length, 1);
  assert.deepEqual(local.state.on, { microphone: true, camera: true, screen: false });
  await settle();
  assert.deepEqual(local.state.devices, { microphones: [{ id: 'm', label: '' }], cameras: [], speakers: [] });
});

test('no camera: the microphone works all the same, and the camera is named as missing', async () => {
  const { local } = setup((c) => (c.video ? 'NotFoundError' : null));
  await local.open({ microphone: true, camera: true });
  assert.deepEqual(local.state.on, { microphone: true, camera: false, screen: false });
  assert.deepEqual(local.state.problems, { microphone: null, camera: 'missing' });
  assert.equal(local.state.asking, false);
});

test('mute keeps the device, camera off closes it', async () => {
  const { local, tracks } = setup();
  await local.open({ microphone: true, camera: true });
  const microphone = local.track('microphone');
  const camera = local.track('camera');
  await local.setMicrophone(false);
  assert.equal(microphone?.enabled, false);
  assert.equal(microphone?.readyState, 'live');
  await local.setMicrophone(true);
  assert.equal(local.track('microphone'), microphone);
  assert.equal(microphone?.enabled, true);
  await local.setCamera(false);
  assert.equal(camera?.readyState, 'ended');
  assert.deepEqual(tracks.at(-1), ['camera', null]);
  await local.setCamera(true);
  assert.equal(local.state.on.camera, true);
});

test('a camera that was switched off while it was being opened stays off', async () => {
  const { local } = setup();
  const opening = local.setCamera(true);
  await local.setCamera(false);
  await opening;
  assert.equal(local.track('camera'), null);
  assert.equal(local.state.on.camera, false);
});

test('an unplugged device is replaced by another, or given up with a reason', async () => {
  let gone = false;
  const { local } = setup(() => (gone ? 'NotFoundError' : null));
  await local.setMicrophone(true);
  const first = /** @type {any} */ (local.track('microphone'));
  first.unplug();
  await settle();
  assert.notEqual(local.track('microphone'), first);
  assert.equal(local.state.on.microphone, true);
  gone = true;
  /** @type {any} */ (local.track('microphone')).unplug();
  await settle();
  assert.equal(local.state.on.microphone, false);
  assert.equal(local.state.problems.microphone, 'missing');
});

test('another device is used at once, and a muted microphone stays muted', async () => {
  const { local, asked } = setup();
  await local.open({ microphone: true, camera: true });
  await local.setMicrophone(false);
  await local.choose('microphone', 'other');
  assert.deepEqual(asked.at(-1).audio.deviceId, { exact: 'other' });
  assert.equal(local.track('microphone')?.enabled, false);
  assert.equal(local.current.microphone, 'other');
  const camera = local.track('camera');
  await local.choose('camera', 'back');
  assert.equal(camera?.readyState, 'ended');
  assert.equal(local.current.camera, 'back');
});

test('the screen comes with its sound, and goes when the browser ends it', async () => {
  const { local, tracks } = setup();
  assert.equal(await local.startScreen({ hint: 'detail', sound: true }), null);
  assert.equal(local.track('screen')?.contentHint, 'detail');
  assert.deepEqual(tracks.map(([source]) => source), ['screen', 'screen_audio']);
  /** @type {any} */ (local.track('screen')).unplug();
  assert.equal(local.state.on.screen, false);
  assert.deepEqual(tracks.slice(2), [['screen', null], ['screen_audio', null]]);
  assert.equal(local.screenStream, null);
});

test('an address that is not secure has no devices, and says why', async () => {
  const local = new LocalMedia({ media: /** @type {any} */ (undefined), secure: false, onChange: () => undefined, onTrack: () => undefined });
  await local.open({ microphone: true, camera: true });
  assert.deepEqual(local.state.problems, { microphone: 'insecure', camera: 'insecure' });
});

test('what is done to the sound changes on the open microphone, or with it opened anew', async () => {
  const { local, asked, tracks } = setup();
  await local.setProcessing({ noiseSuppression: false });
  await local.setMicrophone(true);
  assert.deepEqual(asked[0].audio, { echoCancellation: true, noiseSuppression: false, autoGainControl: true });
  const first = /** @type {any} */ (local.track('microphone'));
  await local.setProcessing({ autoGainControl: false });
  assert.deepEqual(first.processing, { echoCancellation: true, noiseSuppression: false, autoGainControl: false });
  assert.deepEqual([asked.length, local.track('microphone') === first], [1, true], 'nobody notices');

  await local.setMicrophone(false);
  first.changeable = false;
  await local.setProcessing({ echoCancellation: false });
  const second = /** @type {any} */ (local.track('microphone'));
  assert.notEqual(second, first);
  assert.deepEqual(asked[1].audio, { echoCancellation: false, noiseSuppression: false, autoGainControl: false });
  assert.deepEqual([first.readyState, second.enabled, local.state.on.microphone], ['ended', false, false], 'still muted');
  assert.deepEqual(tracks.map(([source]) => source), ['microphone', 'microphone']);
});
