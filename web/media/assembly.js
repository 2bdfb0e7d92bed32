/**
 * Puts a file together from chunks that come in any order. As soon as a megabyte
 * of it is whole it becomes a Blob, which browsers may keep on disk: a large file
 * does not fill the memory of the page. No DOM.
 */

import { CHUNK_BYTES } from '../protocol/files.js';

const GROUP = 64; // chunks

/** Pictures that a page can show without running anything that is in them. */
const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'];

/** @param {string} type @returns {boolean} whether a file may be shown where it stands */
export const isImage = (type) => IMAGES.includes(type);

export class Assembly {
  #size;
  #type;
  #chunks;
  #left;
  /** @type {(Blob|{parts: (Uint8Array|null)[], left: number}|null)[]} */
  #groups;

  /** @param {number} size at least one byte @param {string} type */
  constructor(size, type) {
    this.#size = size;
    // A Blob of type text/html that is opened would run as part of this page.
    this.#type = isImage(type) ? type : 'application/octet-stream';
    this.#chunks = Math.ceil(size / CHUNK_BYTES);
    this.#left = this.#chunks;
    this.#groups = new Array(Math.ceil(this.#chunks / GROUP)).fill(null);
  }

  /** @returns {number} bytes that are here */
  get bytes() {
    return Math.min((this.#chunks - this.#left) * CHUNK_BYTES, this.#size);
  }

  get whole() {
    return this.#left === 0;
  }

  /**
   * @param {number} chunk
   * @param {Uint8Array} bytes
   * @returns {boolean} false: it is none of this file, or is here already
   */
  add(chunk, bytes) {
    if (chunk >= this.#chunks || bytes.length !== Math.min(CHUNK_BYTES, this.#size - chunk * CHUNK_BYTES)) return false;
    const at = Math.floor(chunk / GROUP);
    const count = Math.min(GROUP, this.#chunks - at * GROUP);
    const group = (this.#groups[at] ??= { parts: new Array(count).fill(null), left: count });
    if (group instanceof Blob || group.parts[chunk % GROUP]) return false;
    group.parts[chunk % GROUP] = bytes;
    group.left -= 1;
    this.#left -= 1;
    if (group.left === 0) this.#groups[at] = new Blob(/** @type {any} */ (group.parts));
    return true;
  }

  /** All of it, once it is whole. @returns {Blob} */
  blob() {
    return new Blob(/** @type {Blob[]} */ (this.#groups), { type: this.#type });
  }
}
