// Screenshots of the states of the page, for the documents, and the page of the documents that
// shows them.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** How well a screenshot is kept, of 100: letters stay sharp, a portrait takes 20 kB. */
const QUALITY = 82;

export class Screens {
  /** The sizes that each state was taken in, in the order of the visit. @type {Map<string, string[]>} */
  #taken = new Map();

  /** @param {string} folder what is in it is replaced */
  constructor(folder) {
    this.folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }

  /**
   * Takes what the page shows now. Dark is taken on a laptop alone.
   *
   * @param {string} state
   * @param {import('./states.mjs').View} view
   * @param {import('playwright-core').Page} page
   */
  async take(state, view, page) {
    if (view.colours === 'dark' && view.size.width !== 1280) return;
    const cdp = await page.context().newCDPSession(page);
    const { data } = await cdp.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
    await cdp.detach();
    writeFileSync(path.join(this.folder, `${state}-${view.name}.webp`), Buffer.from(data, 'base64'));
    this.#taken.set(state, [...(this.#taken.get(state) ?? []), view.name]);
  }

  /** Writes the page that shows them all. */
  writeIndex() {
    const lines = ['# Every state of the page', '', 'Taken by `make screens`, which also looks at each with axe-core and walks through it by keyboard. Each name leads to the picture.', ''];
    for (const [state, names] of this.#taken) {
      lines.push(`## ${state}`, '', names.map((name) => `[${name}](${state}-${name}.webp)`).join(' · '), '', `<img src="${state}-${names[0]}.webp" width="640" alt="${state} on a laptop">`, '');
    }
    writeFileSync(path.join(this.folder, 'README.md'), `${lines.join('\n').trim()}\n`);
  }
}
