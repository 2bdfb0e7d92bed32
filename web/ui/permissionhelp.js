/** How to allow camera and microphone in the browser that one has, in words and a picture. Loaded when they are blocked. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute } from './element.js';

/** @typedef {'chrome'|'firefox'|'safari'|'ios'|'android'} Browser */

/**
 * As far as the way to its permissions goes: Edge is a Chrome, and on iOS all
 * are alike. Pure.
 *
 * @param {{userAgent: string, maxTouchPoints: number}} navigator
 * @returns {Browser}
 */
export function browserOf({ userAgent, maxTouchPoints }) {
  // An iPad calls itself a Mac, but one can touch it.
  if (/iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1)) return 'ios';
  if (/Android/.test(userAgent)) return 'android';
  if (/Firefox\//.test(userAgent)) return 'firefox';
  return /Safari\//.test(userAgent) && !/Chrom(e|ium)\//.test(userAgent) ? 'safari' : 'chrome';
}

const SVG = 'http://www.w3.org/2000/svg';

/** @param {string} tag @param {Record<string, string|number>} attributes */
function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** @param {number} x @param {number} y @param {number} width @param {number} height @param {string} className */
const box = (x, y, width, height, className, radius = height / 2) => shape('rect', { x, y, width, height, rx: radius, class: className });
/** A line of writing. @param {number} x @param {number} y @param {number} width */
const words = (x, y, width) => box(x, y, width, 6, 'help-words');
/** The place to go to. @param {number} x @param {number} y */
const here = (x, y) => shape('circle', { cx: x, cy: y, r: 13, class: 'help-here' });
/** @param {string} d */
const line = (d) => shape('path', { d, class: 'help-line' });
/** A switch that is on, with what it is for. @param {number} x @param {number} y */
const turnedOn = (x, y) => [words(x, y + 4, 54), box(x + 74, y, 26, 14, 'help-on'), shape('circle', { cx: x + 93, cy: y + 7, r: 5, class: 'help-knob' })];

/** Each on a ground of 240 by 120. @type {Record<Browser, () => Element[]>} */
const PICTURES = {
  // Two sliders before the address, and what opens below them.
  chrome: () => [box(8, 10, 224, 28, 'help-bar'), here(28, 24), line('M21 20h6M33 20h2M21 28h2M29 28h6'), shape('circle', { cx: 30, cy: 20, r: 2.5, class: 'help-line' }), shape('circle', { cx: 26, cy: 28, r: 2.5, class: 'help-line' }), words(50, 21, 96), box(14, 46, 128, 64, 'help-sheet', 8), ...turnedOn(28, 60), ...turnedOn(28, 84)],
  // A camera that is crossed out, and the block that is taken away.
  firefox: () => [box(8, 10, 224, 28, 'help-bar'), words(82, 21, 96), here(52, 24), line('M44 20h9v8h-9zM53 23l6-3v8l-6-3M43 17l15 14'), box(30, 46, 150, 56, 'help-sheet', 8), words(44, 60, 66), words(44, 80, 50), here(158, 72), line('M154 68l8 8M162 68l-8 8')],
  // The menu of the browser, with its entry for this website.
  safari: () => [box(8, 8, 224, 20, 'help-bar', 4), box(20, 10, 50, 16, 'help-here', 4), words(28, 15, 34), words(84, 15, 24), words(120, 15, 24), box(20, 32, 132, 78, 'help-sheet', 6), words(32, 44, 70), box(26, 58, 120, 18, 'help-here', 4), words(32, 64, 92), words(32, 90, 60)],
  // The address stands below the page, and what opens comes from below.
  ios: () => [box(60, 4, 120, 112, 'help-sheet', 14), ...turnedOn(70, 22), ...turnedOn(70, 46), box(68, 84, 104, 24, 'help-bar'), here(84, 96), line('M78 93h12M78 99h8'), words(104, 93, 50)],
  // The address stands above the page.
  android: () => [box(60, 4, 120, 112, 'help-sheet', 14), box(68, 12, 104, 24, 'help-bar'), here(84, 24), line('M78 21h5M88 21h2M78 28h2M85 28h5'), words(104, 21, 50), ...turnedOn(70, 56), ...turnedOn(70, 82)],
};

/** @extends {AqElement<null>} */
export class AqPermissionHelp extends AqElement {
  /** @override */
  build() {
    const browser = browserOf(navigator);
    const picture = shape('svg', { viewBox: '0 0 240 120', class: 'help-picture', 'aria-hidden': 'true', focusable: 'false' });
    picture.append(...PICTURES[browser]());
    setAttribute(this, 'data-testid', 'permission-help');
    setAttribute(this, 'data-browser', browser);
    this.append(
      h(
        'details',
        // On a phone the way in comes first.
        { class: 'help', open: !matchMedia('(max-width: 480px), (max-height: 480px)').matches },
        h('summary', {}, t('help.title')),
        h('div', { class: 'help-body' }, picture, h('ol', { class: 'help-steps' }, h('li', {}, t(`help.${browser}.1`)), h('li', {}, t(`help.${browser}.2`)), h('li', {}, t('help.again')))),
        h('p', { class: 'help-system' }, t('help.system')),
      ),
    );
  }
}

customElements.define('aq-permission-help', AqPermissionHelp);
