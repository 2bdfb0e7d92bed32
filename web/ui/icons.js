/** Our icons: strokes on a 24 by 24 grid. */

const SVG = 'http://www.w3.org/2000/svg';

const PATHS = {
  microphone: ['M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3z', 'M5.5 11a6.5 6.5 0 0 0 13 0', 'M12 17.5V21'],
  'microphone-off': ['M15 10.5V6a3 3 0 0 0-5.6-1.5', 'M9 9v2a3 3 0 0 0 4.5 2.6', 'M5.5 11a6.5 6.5 0 0 0 10.3 5.3', 'M18.5 11a6.5 6.5 0 0 1-.6 2.7', 'M12 17.5V21', 'M4 3.5l16 17'],
  camera: ['M5 6.5h8.5a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z', 'M15.5 11l5.5-3.5v9L15.5 13z'],
  'camera-off': ['M9.5 6.5h4a2 2 0 0 1 2 2v3', 'M15.5 15.5a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2h.8', 'M16.5 10.4L21 7.5v9l-2.4-1.5', 'M4 3.5l16 17'],
  screen: ['M4.5 4.5h15a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15V6a1.5 1.5 0 0 1 1.5-1.5z', 'M8 20.5h8', 'M12 13.5v-6', 'M9.3 9.7L12 7l2.7 2.7'],
  'screen-off': ['M4.5 4.5h15a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 15V6a1.5 1.5 0 0 1 1.5-1.5z', 'M8 20.5h8', 'M9.5 8l5 5', 'M14.5 8l-5 5'],
  hand: ['M8 12.5V6.2a1.4 1.4 0 0 1 2.8 0V11', 'M10.8 11V4.6a1.4 1.4 0 0 1 2.8 0V11', 'M13.6 11V6.2a1.4 1.4 0 0 1 2.8 0v5', 'M16.4 11.2V9a1.4 1.4 0 0 1 2.8 0v5.5a6.5 6.5 0 0 1-6.4 6.5c-2.6 0-4.2-1-5.5-3.2l-2.7-4.5a1.4 1.4 0 0 1 2.3-1.5L8 13.2'],
  chat: ['M5 4.5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7.5L7 20.5v-4H5a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2z', 'M7.5 9h9', 'M7.5 12.5h6'],
  people: ['M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z', 'M2.5 19.5c0-3.3 2.7-5.5 6.5-5.5s6.5 2.2 6.5 5.5', 'M16 4.9a3.5 3.5 0 0 1 0 6.3', 'M18 14.5c2.2.8 3.5 2.6 3.5 5'],
  settings: ['M4 7h9', 'M17 7h3', 'M15 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4z', 'M4 17h3', 'M11 17h9', 'M9 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z'],
  link: ['M10 13.5a4 4 0 0 0 5.7 0l3.1-3.1a4 4 0 0 0-5.7-5.7l-1.3 1.3', 'M14 10.5a4 4 0 0 0-5.7 0l-3.1 3.1a4 4 0 0 0 5.7 5.7l1.3-1.3'],
  leave: ['M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4', 'M15 8l4.5 4-4.5 4', 'M19 12H9.5'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  send: ['M4 12l16-7.5-5 15.5-3.5-6z', 'M11.5 14L20 4.5'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  warning: ['M12 4L2.8 19.5h18.4z', 'M12 10v4.5', 'M12 17.2v.1'],
  previous: ['M14.5 5.5L8 12l6.5 6.5'],
  next: ['M9.5 5.5L16 12l-6.5 6.5'],
  speaker: ['M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z', 'M15.5 9a4.2 4.2 0 0 1 0 6', 'M18 6.5a7.8 7.8 0 0 1 0 11'],
  theme: ['M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z', 'M12 3.5v17', 'M12 7.5l6.5-2', 'M12 12h8.5', 'M12 16.5l6.5 2'],
  language: ['M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z', 'M3.5 12h17', 'M12 3.5c2.4 2.3 3.6 5.2 3.6 8.5s-1.2 6.2-3.6 8.5', 'M12 3.5C9.6 5.8 8.4 8.7 8.4 12s1.2 6.2 3.6 8.5'],
  attach: ['M19 11.5l-7.2 7.2a4.6 4.6 0 0 1-6.5-6.5l7.6-7.6a3.1 3.1 0 0 1 4.4 4.4l-7.5 7.5a1.5 1.5 0 0 1-2.2-2.2l6.6-6.6'],
  file: ['M6.5 3.5H14l4.5 4.5v11a1.5 1.5 0 0 1-1.5 1.5H6.5A1.5 1.5 0 0 1 5 19V5a1.5 1.5 0 0 1 1.5-1.5z', 'M14 3.5V8h4.5'],
  plus: ['M12 5v14', 'M5 12h14'],
  copy: ['M9 8.5h9a1.5 1.5 0 0 1 1.5 1.5v9a1.5 1.5 0 0 1-1.5 1.5H9A1.5 1.5 0 0 1 7.5 19v-9A1.5 1.5 0 0 1 9 8.5z', 'M4.5 15.5v-10A1.5 1.5 0 0 1 6 4h9'],
  lock: ['M6.5 10.5h11a1.5 1.5 0 0 1 1.5 1.5v7a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 19v-7a1.5 1.5 0 0 1 1.5-1.5z', 'M8 10.5v-3a4 4 0 0 1 8 0v3'],
  reply: ['M10 6L4.5 11.5 10 17', 'M5 11.5h9a6 6 0 0 1 6 6v1'],
  pause: ['M8.5 6v12', 'M15.5 6v12'],
  lost: ['M3 9.5a13 13 0 0 1 4-2.6', 'M12 6a13 13 0 0 1 9 3.5', 'M6.5 13a8 8 0 0 1 3-1.9', 'M14.5 11.1a8 8 0 0 1 3 1.9', 'M12 18.5v.1', 'M4 3.5l16 17'],
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {IconName} name
 * @returns {SVGSVGElement} hidden from screen readers: the control around it has the name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  draw(svg, name);
  return svg;
}

/**
 * Changes what an icon shows.
 *
 * @param {SVGSVGElement} svg
 * @param {IconName} name
 */
export function draw(svg, name) {
  if (svg.dataset.icon === name) return;
  svg.dataset.icon = name;
  svg.replaceChildren(
    ...PATHS[name].map((d) => {
      const path = document.createElementNS(SVG, 'path');
      path.setAttribute('d', d);
      return path;
    }),
  );
}
