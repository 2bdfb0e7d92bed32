/** What the whole page shows, made from what session, devices and preferences say. */

import { callModel } from '../model.js';
import { explain } from '../ui/problems.js';

/**
 * @param {import('./page.js').Page} page
 * @returns {import('../ui/app.js').AppModel}
 */
export function appModel({ app, session, local, support, preferences, weakness, view }) {
  const { phase, ending, lobby } = session.state;
  const own = { camera: local.cameraStream, screen: local.screenStream };
  const world = { now: Date.now(), online: navigator.onLine, weak: weakness.weak };
  const call = callModel(session.state, local.state, own, support, world);
  const inCall = phase === 'joined' || phase === 'reconnecting';
  const microphone = local.track('microphone');
  const { problems, devices } = local.state;
  const chosen = { ...local.current, speaker: preferences.speaker };
  const wanted = { microphone: preferences.wantMicrophone, camera: preferences.wantCamera };
  const preview = { local: local.state, camera: own.camera, microphone, wanted, chosen, support };
  const trouble = { microphone: problems.microphone !== null, camera: problems.camera !== null };
  const talk = { pendingPrivate: session.state.pendingPrivate, files: session.state.files, fileLimit: call.may.chat && support.webrtc ? session.files.limit : 0 };
  const told = ending === view.read ? null : ending;
  const idle = phase === 'idle' || phase === 'ended';
  return {
    inCall,
    landing: idle && view.room === '' ? { recent: view.recent, now: world.now } : null,
    join: { joining: phase === 'joining', lobby: lobby && !inCall, ending: told, preview },
    call: {
      call,
      talk,
      panel: view.panel,
      unread: view.unread,
      audioBlocked: view.audioBlocked,
      asking: view.asking && inCall,
      trouble,
      arrangement: arrangementOf(preferences, view),
      devices: { devices, chosen, canRoute: support.speaker },
      screen: { hint: preferences.screenHint, sound: preferences.screenSound },
      can: { fullScreen: document.fullscreenEnabled === true, picture: 'documentPictureInPicture' in window || document.pictureInPictureEnabled === true },
      shortcuts: preferences.shortcuts,
      talking: view.talking,
    },
    settings: {
      devices: { devices, chosen, canRoute: support.speaker, microphone },
      name: inCall ? session.state.room.username : app.join.who.username,
      inCall,
      theme: preferences.theme,
      on: preferences,
      missing: missingSwitches(local.state),
      figures: view.figures,
      quality: call.quality,
      problem: explain(problems),
    },
    speaker: preferences.speaker,
  };
}

/**
 * @param {import('./preferences.js').Preferences} preferences
 * @param {import('./page.js').View} view
 * @returns {import('../ui/arrangement.js').Arrangement}
 */
function arrangementOf({ layout, selfView, corner, saveData }, { pins, maximized, statistics, picture }) {
  return { layout, selfView, corner, saving: saveData, pins, maximized, statistics, picture, fullScreen: document.fullscreenElement !== null };
}

/** What this browser or this camera does not have. @param {import('../media/localmedia.js').LocalState} local */
function missingSwitches({ canBlur }) {
  const known = navigator.mediaDevices?.getSupportedConstraints?.() ?? {};
  const missing = /** @type {import('../ui/settings.js').SwitchName[]} */ (['noiseSuppression', 'echoCancellation', 'autoGainControl'].filter((name) => !(name in known)));
  return canBlur ? missing : [...missing, /** @type {const} */ ('backgroundBlur')];
}
