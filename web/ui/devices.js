/** The choice of microphone, camera and loudspeaker. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { AqMeter } from './meter.js';

/** @typedef {import('../media/devices.js').Device} Device */
/**
 * @typedef {object} DevicesModel
 * @property {import('../media/devices.js').DeviceList} devices
 * @property {{microphone: string, camera: string, speaker: string}} chosen
 * @property {boolean} canRoute   the loudspeaker can be chosen
 * @property {MediaStreamTrack|null} microphone  for the level
 */

let instances = 0;

/** @extends {AqElement<DevicesModel>} */
export class AqDevices extends AqElement {
  #prefix = `aq-devices-${(instances += 1)}`;
  #microphone = h('select', { id: `${this.#prefix}-microphone`, 'data-testid': 'microphone-select' });
  #camera = h('select', { id: `${this.#prefix}-camera`, 'data-testid': 'camera-select' });
  #speaker = h('select', { id: `${this.#prefix}-speaker`, 'data-testid': 'speaker-select' });
  #testLabel = h('span', { role: 'status' });
  #test = h('button', { type: 'button', class: 'button', title: t('device.test'), 'data-testid': 'speaker-test' }, icon('speaker'), this.#testLabel);
  #speakerLabel = h('label', { for: this.#speaker.id }, t('device.speaker'));
  #speakerField = h('div', { class: 'field' }, this.#speakerLabel, h('div', { class: 'field-row' }, this.#speaker, this.#test));
  #testing = false;
  #meter = new AqMeter();

  /** @override */
  build() {
    this.append(this.#field(t('device.microphone'), this.#microphone), this.#meter, this.#field(t('device.camera'), this.#camera), this.#speakerField);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    /** @type {const} */ ([
      ['microphone', this.#microphone],
      ['camera', this.#camera],
      ['speaker', this.#speaker],
    ]).forEach(([kind, select]) => {
      select.addEventListener('change', () => this.emit('aq-choose-device', { kind, id: select.value }), { signal });
    });
    this.#test.addEventListener('click', () => this.#testSpeaker(), { signal });
  }

  /** @override @param {DevicesModel} model */
  render({ devices, chosen, canRoute, microphone }) {
    fill(this.#microphone, 'microphone', devices.microphones, chosen.microphone);
    fill(this.#camera, 'camera', devices.cameras, chosen.camera);
    fill(this.#speaker, 'speaker', devices.speakers, chosen.speaker);
    const routable = canRoute && devices.speakers.length > 0;
    this.#speaker.hidden = !routable;
    this.#speakerLabel.hidden = !routable;
    this.#meter.model = { track: microphone };
    this.#showTest('device.test');
  }

  /** Plays a few notes where the others would be heard. */
  async #testSpeaker() {
    if (this.#testing) return;
    this.#testing = true;
    this.#showTest('device.testing');
    const { play } = await import('../media/tones.js');
    const heard = await play('test', this.#speaker.hidden ? '' : this.#speaker.value);
    this.#testing = false;
    this.#showTest(heard ? 'device.test' : 'device.test-failed');
  }

  /** @param {'device.test'|'device.testing'|'device.test-failed'} key */
  #showTest(key) {
    if (this.#testing && key === 'device.test') return;
    setAttribute(this.#test, 'data-playing', this.#testing);
    setText(this.#testLabel, t(key));
  }

  /** @param {string} label @param {HTMLSelectElement} select */
  #field(label, select) {
    return h('div', { class: 'field' }, h('label', { for: select.id }, label), select);
  }
}

/**
 * @param {HTMLSelectElement} select
 * @param {'microphone'|'camera'|'speaker'} kind
 * @param {Device[]} devices
 * @param {string} chosen
 */
function fill(select, kind, devices, chosen) {
  const named = devices.map(({ id, label }, i) => ({ id, label: label || t(`device.numbered.${kind}`, { number: i + 1 }) }));
  const options = named.length > 0 ? named : [{ id: '', label: t('device.none') }];
  const same = select.options.length === options.length && options.every((o, i) => select.options[i].value === o.id && select.options[i].text === o.label);
  if (!same) select.replaceChildren(...options.map((o) => new Option(o.label, o.id)));
  const wanted = options.some((o) => o.id === chosen) ? chosen : options[0].id;
  if (select.value !== wanted) select.value = wanted;
  select.disabled = devices.length === 0;
}

customElements.define('aq-devices', AqDevices);
