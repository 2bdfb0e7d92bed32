/** Listens to one's own microphone: who speaks while it is off is told, and who is not heard because it gives nothing. */

import { t } from '../i18n/i18n.js';
import { watchLevel } from '../media/levels.js';
import { VoiceWatch } from '../media/voicewatch.js';

/** @typedef {import('./page.js').Page} Page */

/** A remark that nobody reacts to goes by itself. */
const SHOWN_MS = 8000;

export class Hearing {
  #page;
  /** @type {MediaStreamTrack|null} */
  #track = null;
  /** @type {() => void} */
  #stop = () => undefined;
  #wasOn = false;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {MediaStreamTrack|null} track  of the microphone during a call */
  follow(track) {
    const { local, app } = this.#page;
    const { microphone } = local.state.on;
    if (microphone !== this.#wasOn) app.toasts.dismiss('hearing');
    this.#wasOn = microphone;
    if (track === this.#track) return;
    this.#stop();
    this.#track = track;
    this.#stop = track ? this.#listen(track) : () => undefined;
  }

  /** @param {MediaStreamTrack} track */
  #listen(track) {
    // What is turned off gives silence; a copy still hears, and goes nowhere.
    const ear = track.clone();
    ear.enabled = true;
    const watch = new VoiceWatch();
    const end = watchLevel(ear, (level, silent) => {
      const remark = watch.sample({ level, silent }, track.enabled, Date.now());
      if (remark) this.#say(remark);
    });
    return () => {
      end();
      ear.stop();
    };
  }

  /** @param {NonNullable<import('../media/voicewatch.js').Remark>} remark */
  #say(remark) {
    const { app, session } = this.#page;
    // There is another word about that, and nothing he could do.
    if (remark === 'muted' && session.state.room.own?.muted.includes('microphone')) return;
    const run = () => app.call.emit('aq-toggle', 'microphone');
    const action = remark === 'muted' ? { label: t('controls.microphone.turn-on'), run } : { label: t('call.settings'), run: () => app.call.emit('aq-settings') };
    app.toasts.show({ text: t(`hearing.${remark}`), id: 'hearing', action });
    if (remark === 'muted') setTimeout(() => app.toasts.dismiss('hearing'), SHOWN_MS);
  }
}
