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
 * Frames a second. In the short form half of what cameras give: encoding and decoding is most of
 * what the tests in browsers work, and none of them counts frames.
 */
const FPS = process.env.BROWSER === 'whole' || process.env.NETWORK === 'full' ? 30 : 15;

/**
 * Writes a film for `--use-file-for-fake-video-capture`, which repeats it.
 *
 * @param {string} file
 * @param {number} width even
 * @param {number} height even
 * @param {(frame: Frame, n: number, frames: number) => void} paint
 */
function writeY4M(file, width, height, paint) {
  const frames = 10;
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${FPS}:1 Ip A1:1 C420jpeg\n`)];
  for (let n = 0; n < frames; n++) {
    const frame = new Frame(width, height);
    paint(frame, n, frames);
    parts.push(Buffer.from('FRAME\n'), ...frame.planes);
  }
  writeFileSync(file, Buffer.concat(parts));
}

/** A picture in planes of Y, Cb and Cr, the colours at half the width and height. */
class Frame {
  /** @param {number} width @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.planes = [width * height, (width * height) / 4, (width * height) / 4].map((size) => Buffer.alloc(size));
  }

  /** Colours a run of pixels of one row. @param {number} row @param {number} from @param {number} to @param {number[]} yuv */
  row(row, from, to, [y, u, v]) {
    const [left, right] = [from, to].map((x) => Math.max(0, Math.min(this.width, Math.round(x))));
    if (right <= left) return;
    this.planes[0].fill(y, row * this.width + left, row * this.width + right);
    if (row % 2 === 1) return;
    const start = (row / 2) * (this.width / 2);
    this.planes[1].fill(u, start + (left >> 1), start + (right >> 1));
    this.planes[2].fill(v, start + (left >> 1), start + (right >> 1));
  }

  /** Makes squares brighter or darker at random. @param {number} side @param {number} most */
  grain(side, most) {
    for (let top = 0; top < this.height; top += side) {
      for (let left = 0; left < this.width; left += side) {
        const change = Math.round((Math.random() * 2 - 1) * most);
        for (let y = top; y < Math.min(top + side, this.height); y++) {
          for (let x = left; x < Math.min(left + side, this.width); x++) this.planes[0][y * this.width + x] += change;
        }
      }
    }
  }

  /** @param {number} x @param {number} y the middle @param {number} rx @param {number} ry @param {number[]} yuv */
  ellipse(x, y, rx, ry, yuv) {
    for (let row = Math.max(0, Math.ceil(y - ry)); row < Math.min(this.height, y + ry); row++) {
      const half = rx * Math.sqrt(1 - ((row - y) / ry) ** 2);
      this.row(row, x - half, x + half, yuv);
    }
  }
}

/**
 * A film of one colour with a grey bar that moves down the left edge, so that no encoder finds
 * the picture still.
 *
 * @param {string} file
 * @param {string} colour a key of colours
 * @param {number} width even
 * @param {number} height even
 * @param {boolean} [grain] squares of different brightness, other ones in each frame
 */
export function writeFilm(file, colour, width, height, grain = false) {
  writeY4M(file, width, height, (frame, n, frames) => {
    for (let row = 0; row < height; row++) frame.row(row, 0, width, colours[colour].yuv);
    if (grain) frame.grain(8, 16);
    const top = Math.floor(((height - height / 10) * n) / frames);
    for (let row = top; row < top + height / 10; row++) frame.row(row, 0, width / 10, [126, 128, 128]);
  });
}

/**
 * Somebody before a wall, for the screenshots: `hue` turns the colours of wall and pullover.
 *
 * @param {string} file
 * @param {number} hue degrees
 * @param {number} width even
 * @param {number} height even
 */
export function writePortrait(file, hue, width, height) {
  /** @param {number} luma @param {number} saturation @param {number} turn */
  const tone = (luma, saturation, turn) => {
    const angle = ((hue + turn) * Math.PI) / 180;
    return [luma, 128 + saturation * Math.cos(angle), 128 + saturation * Math.sin(angle)].map(Math.round);
  };
  writeY4M(file, width, height, (frame, n, frames) => {
    const x = width / 2 + width * 0.01 * Math.sin((2 * Math.PI * n) / frames);
    for (let row = 0; row < height; row++) frame.row(row, 0, width, tone(190 - (70 * row) / height, 14, 0));
    frame.ellipse(x, height * 1.12, width * 0.24, height * 0.46, tone(96, 40, 150)); // pullover
    frame.ellipse(x, height * 0.68, width * 0.045, height * 0.12, [135, 112, 150]); // neck
    frame.ellipse(x, height * 0.4, height * 0.19, height * 0.25, [50, 122, 136]); // hair
    frame.ellipse(x, height * 0.46, height * 0.16, height * 0.21, [158, 110, 150]); // face
    for (const side of [-1, 1]) frame.ellipse(x + side * height * 0.065, height * 0.43, height * 0.018, height * 0.022, [40, 128, 128]);
    frame.ellipse(x, height * 0.56, height * 0.05, height * 0.015, [95, 116, 160]); // mouth
  });
}

/** Films of one test run, made when first asked for and removed with `remove`. */
export class Films {
  /** @type {string | undefined} */
  #folder;
  /** @type {Set<string>} */
  #made = new Set();

  /** A film of one colour. @param {string} colour */
  colour(colour, width = 640, height = 360, grain = false) {
    return this.#film(`${colour}-${width}x${height}${grain ? '-grain' : ''}`, (file) => writeFilm(file, colour, width, height, grain));
  }

  /** A film of somebody. @param {number} hue */
  portrait(hue, width = 640, height = 360) {
    return this.#film(`portrait${hue}-${width}x${height}`, (file) => writePortrait(file, hue, width, height));
  }

  /** @param {string} name @param {(file: string) => void} write */
  #film(name, write) {
    this.#folder ??= mkdtempSync(path.join(os.tmpdir(), 'aq-films-'));
    const file = path.join(this.#folder, `${name}.y4m`);
    if (!this.#made.has(file)) {
      write(file);
      this.#made.add(file);
    }
    return file;
  }

  remove() {
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
  }
}
