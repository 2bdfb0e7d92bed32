/** What the whole page shows, made from what session, devices and preferences say. */

import { callModel } from '../model.js';
import { explain } from '../ui/problems.js';

/**
 * @param {import('./page.js').Page} page
 * @returns {import('../ui/app.js').AppModel}
 */
export function appModel({ session, local, support, preferences, weakness, view }) {
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
  return {
    inCall,
    join: { joining: phase === 'joining', lobby: lobby && !inCall, ending, preview },
    call: {
      call,
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
      name: session.state.room.username,
      theme: preferences.theme,
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
