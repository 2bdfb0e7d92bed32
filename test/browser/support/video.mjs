// Pictures that tell people apart: a fake camera shows one colour with a small moving bar,
// and the test looks at the colour of what arrives.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * The colours, as Y, Cb, Cr (BT.601, limited range) for the camera and as RGB for the eye.
 * They lie far apart: what the codec does to them cannot turn one into another.
 *
 * @type {Record<string, {yuv: [number, number, number], rgb: [number, number, number]}>}
 */
export const colours = {
  red: { yuv: [81, 90, 240], rgb: [255, 0, 0] },
  green: { yuv: [145, 54, 34], rgb: [0, 255, 0] },
  blue: { yuv: [41, 240, 110], rgb: [0, 0, 255] },
  yellow: { yuv: [210, 16, 146], rgb: [255, 255, 0] },
  cyan: { yuv: [170, 166, 16], rgb: [0, 255, 255] },
  magenta: { yuv: [106, 202, 222], rgb: [255, 0, 255] },
};

/**
 * The name of the colour nearest to rgb, or 'none' where nothing has been painted or it is grey.
 *
 * @param {number[] | null} rgb
 */
export function nameColour(rgb) {
  if (!rgb) return 'none';
  const distance = (/** @type {number[]} */ other) => Math.hypot(...other.map((v, i) => v - rgb[i]));
  const [name, best] = Object.entries(colours)
    .map(([n, c]) => /** @type {[string, number]} */ ([n, distance(c.rgb)]))
    .sort((a, b) => a[1] - b[1])[0];
  return best < 110 ? name : 'none';
}

/**
 * Writes a film for `--use-file-for-fake-video-capture` (which repeats it): ten frames of one
 * colour with a grey bar that moves down the left edge, so that no encoder finds the picture still.
 *
 * @param {string} file
 * @param {string} colour a key of colours
 * @param {number} width even
 * @param {number} height even
 */
export function writeFilm(file, colour, width, height) {
  const [y, u, v] = colours[colour].yuv;
  const frames = 10;
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F30:1 Ip A1:1 C420jpeg\n`)];
  for (let n = 0; n < frames; n++) {
    const luma = Buffer.alloc(width * height, y);
    const top = Math.floor(((height - height / 10) * n) / frames);
    for (let row = top; row < top + height / 10; row++) luma.fill(126, row * width, row * width + width / 10);
    const chroma = (/** @type {number} */ value) => Buffer.alloc((width * height) / 4, value);
    parts.push(Buffer.from('FRAME\n'), luma, chroma(u), chroma(v));
  }
  writeFileSync(file, Buffer.concat(parts));
}

/** Films of one test run, made when first asked for and removed with `remove`. */
export class Films {
  /** @type {string | undefined} */
  #folder;
  /** @type {Set<string>} */
  #made = new Set();

  /** @param {string} colour */
  file(colour, width = 640, height = 360) {
    this.#folder ??= mkdtempSync(path.join(os.tmpdir(), 'aq-films-'));
    const file = path.join(this.#folder, `${colour}-${width}x${height}.y4m`);
    if (!this.#made.has(file)) {
      writeFilm(file, colour, width, height);
      this.#made.add(file);
    }
    return file;
  }

  remove() {
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
  }
}
