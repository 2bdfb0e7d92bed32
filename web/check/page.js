/** What the check shows: the devices, the results as they come, and the report. */

import { t } from '../i18n/i18n.js';
import { AqDevices } from '../ui/devices.js';
import { AqElement, h, setAttribute, setText } from '../ui/element.js';
import { draw, icon } from '../ui/icons.js';

/** @typedef {import('./judge.js').Level|'waiting'|'running'} ShownLevel */
/** @typedef {{id: string, title: string, level: ShownLevel, text: string, advice: string}} Result  in words */
/**
 * @typedef {object} CheckModel
 * @property {boolean} running
 * @property {Result[]} results
 * @property {{level: import('./judge.js').Level, text: string}|null} summary  null: not yet
 * @property {string} report
 * @property {boolean} copied
 * @property {{own: MediaStream|null, returned: MediaStream|null}} pictures
 * @property {import('../ui/devices.js').DevicesModel} devices
 * @property {number} progress   of the measurement, from 0 to 1
 */

/** @type {Record<ShownLevel, import('../ui/icons.js').IconName>} */
const ICONS = { good: 'check', fair: 'warning', bad: 'close', unknown: 'pause', waiting: 'pause', running: 'settings' };

/** One line of the results. */
class Line {
  #icon = icon('pause');
  #title = h('span', { class: 'check-title' });
  #level = h('span', { class: 'check-level' });
  #text = h('p', { class: 'check-text' });
  #advice = h('p', { class: 'check-advice', hidden: true });
  element;

  /** @param {string} id */
  constructor(id) {
    this.element = h('li', { class: 'check-item', 'data-testid': 'check-item', 'data-check': id }, this.#icon, h('div', {}, h('p', {}, this.#title, this.#level), this.#text, this.#advice));
  }

  /** @param {Result} result */
  show({ title, level, text, advice }) {
    setAttribute(this.element, 'data-level', level);
    draw(this.#icon, ICONS[level]);
    setText(this.#title, title);
    setText(this.#level, t(`check.level.${level}`));
    setText(this.#text, text);
    setText(this.#advice, advice);
    this.#advice.hidden = advice === '';
  }
}

/** A picture with its name. @param {string} testid @param {string} name */
function picture(testid, name) {
  const video = h('video', { playsinline: true, autoplay: true, muted: true, tabindex: -1, 'data-testid': testid, 'aria-label': name });
  // As an attribute alone, `muted` counts only for videos the parser made.
  video.muted = true;
  return { video, element: h('figure', { class: 'check-picture' }, video, h('figcaption', {}, name)) };
}

/** @extends {AqElement<CheckModel>} */
export class AqCheck extends AqElement {
  #start = h('button', { type: 'button', class: 'button primary', 'data-testid': 'check-start' });
  #summary = h('p', { class: 'check-summary', role: 'status', 'data-testid': 'check-summary', hidden: true });
  #progress = h('progress', { max: 1, hidden: true, 'aria-label': t('check.quality') });
  #own = picture('check-own', t('preview.video'));
  #returned = picture('check-returned', t('check.returned'));
  #devices = new AqDevices();
  #tone = h('button', { type: 'button', class: 'button', 'data-testid': 'check-tone' }, icon('speaker'), t('check.speaker.play'));
  #heard = h('button', { type: 'button', class: 'button', 'data-testid': 'check-heard' }, t('check.speaker.yes'));
  #silent = h('button', { type: 'button', class: 'button', 'data-testid': 'check-not-heard' }, t('check.speaker.no'));
  #list = h('ul', { class: 'check-list', 'aria-label': t('check.results') });
  #report = h('textarea', { readonly: true, rows: 8, id: 'aq-check-report', 'data-testid': 'check-report', spellcheck: 'false' });
  #copy = h('button', { type: 'button', class: 'button', 'data-testid': 'check-copy' });
  #reportPart = h('section', { class: 'check-report', hidden: true }, h('h2', {}, t('check.report')), h('label', { for: 'aq-check-report' }, t('check.report.label')), this.#report, this.#copy);
  /** @type {Map<string, Line>} */
  #lines = new Map();

  /** @override */
  build() {
    this.replaceChildren(
      h(
        'main',
        { class: 'check-main' },
        h('h1', {}, t('check.title')),
        h('p', {}, t('check.intro')),
        h('div', { class: 'check-actions' }, this.#start, h('a', { href: './' }, t('check.back'))),
        this.#summary,
        this.#progress,
        h('div', { class: 'check-pictures' }, this.#own.element, this.#returned.element),
        this.#devices,
        h('div', { class: 'check-actions', role: 'group', 'aria-label': t('device.speaker') }, this.#tone, this.#heard, this.#silent),
        h('h2', {}, t('check.results')),
        this.#list,
        this.#reportPart,
      ),
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    /** @param {HTMLElement} button @param {string} event @param {unknown} [detail] */
    const on = (button, event, detail) => button.addEventListener('click', () => this.emit(event, detail), { signal });
    on(this.#start, 'aq-check-start');
    on(this.#tone, 'aq-check-tone');
    on(this.#heard, 'aq-check-heard', true);
    on(this.#silent, 'aq-check-heard', false);
    on(this.#copy, 'aq-check-copy');
  }

  /** Selects the report, for where there is no clipboard. */
  selectReport() {
    this.#report.select();
  }

  /** @override @param {CheckModel} model */
  render({ running, results, summary, report, copied, pictures, devices, progress }) {
    setText(this.#start, t(running ? 'check.running' : summary ? 'check.again' : 'check.start'));
    this.#start.disabled = running;
    setText(this.#summary, summary?.text ?? '');
    setAttribute(this.#summary, 'data-level', summary?.level);
    this.#summary.hidden = !summary;
    this.#progress.hidden = progress === 0 || progress >= 1;
    this.#progress.value = progress;
    this.#show(this.#own, pictures.own);
    this.#show(this.#returned, pictures.returned);
    this.#devices.model = devices;
    this.#showResults(results);
    this.#reportPart.hidden = report === '';
    if (this.#report.value !== report) this.#report.value = report;
    setText(this.#copy, t(copied ? 'check.copied' : 'check.copy'));
  }

  /** @param {Result[]} results */
  #showResults(results) {
    for (const [id, line] of this.#lines) {
      if (results.some((result) => result.id === id)) continue;
      line.element.remove();
      this.#lines.delete(id);
    }
    for (const result of results) {
      let line = this.#lines.get(result.id);
      if (!line) {
        line = new Line(result.id);
        this.#lines.set(result.id, line);
        this.#list.append(line.element);
      }
      line.show(result);
    }
  }

  /** @param {ReturnType<typeof picture>} shown @param {MediaStream|null} stream */
  #show({ video, element }, stream) {
    element.hidden = !stream;
    if (video.srcObject === stream) return;
    video.srcObject = stream;
    // A muted video may always play; it is refused only while the stream is being changed.
    if (stream) video.play().catch(() => undefined);
  }
}

customElements.define('aq-check', AqCheck);
