/** Turns what happens in a room into short notices. */

import { sentence } from './protocol/ending.js';
import { backText, namesDid } from './ui/text.js';

/** A class that comes in at once is one notice, not thirty. */
const GATHER_MS = 300;

export class Notices {
  #show;
  /** @type {{joined: string[], left: string[]}} */
  #gathered = { joined: [], left: [] };
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  #admit;

  /**
   * @param {(toast: import('./ui/toasts.js').Toast) => void} show
   * @param {(peerId: string) => void} admit  lets somebody in who waits
   */
  constructor(show, admit) {
    this.#show = show;
    this.#admit = admit;
  }

  /** @param {Exclude<import('./session.js').Notice, {kind: 'chat'|'moderated'|'permissions'}>} notice */
  add(notice) {
    switch (notice.kind) {
      case 'joined':
      case 'left':
        this.#gathered[notice.kind].push(notice.name);
        this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
        break;
      case 'hand':
        this.#show({ text: `${notice.name} raised a hand` });
        break;
      case 'screen':
        this.#show({ text: `${notice.name} shares a screen` });
        break;
      case 'knock':
        this.#show({ text: `${notice.name} waits to be let in`, action: { label: 'Let in', run: () => this.#admit(notice.peerId) }, id: `knock-${notice.peerId}` });
        break;
      case 'told':
        this.#show({ text: notice.text, stays: true });
        break;
      case 'back':
        this.#show({ text: backText(notice.what, notice.awayMs), id: 'back' });
        break;
      case 'error':
        this.#show({ text: sentence(notice.text), kind: 'error' });
    }
  }

  #flush() {
    this.#timer = undefined;
    const { joined, left } = this.#gathered;
    this.#gathered = { joined: [], left: [] };
    if (joined.length > 0) this.#show({ text: namesDid(joined, 'joined') });
    if (left.length > 0) this.#show({ text: namesDid(left, 'left') });
  }
}
