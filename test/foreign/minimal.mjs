// The minimal page in a browser, seen from a test. Works with a Playwright page and with Firefox.

import { fileURLToPath } from 'node:url';
import { inbound, videoColours } from '../browser/support/probe.mjs';
import { serve } from '../browser/support/static.mjs';
import { nameColour } from '../browser/support/video.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

/**
 * What a browser must be able to do for the tests here.
 *
 * @typedef {object} Browser
 * @property {(url: string) => Promise<unknown>} goto
 * @property {<A, R>(fn: (argument: A) => R | Promise<R>, argument?: A) => Promise<R>} evaluate
 */

export class MinimalPage {
  /** @param {Browser} browser */
  constructor(browser) {
    this.browser = browser;
  }

  /**
   * Opens the page and joins.
   *
   * @param {import('../browser/support/stage.mjs').Stage} stage
   * @param {Browser} browser
   * @param {string} socket the URL of the WebSocket
   * @param {{media?: 'none'}} [options] none: watch without sending
   */
  static async join(stage, browser, socket, { media } = {}) {
    const site = await serve(here);
    stage.after(site.close);
    const query = new URLSearchParams({ ws: socket, ...(media ? { media } : {}) });
    await browser.goto(`${site.origin}/minimal.html?${query}`);
    return new MinimalPage(browser);
  }

  /** What arrives, see probe.mjs. */
  async inbound() {
    const failed = await this.browser.evaluate(() => window.failed);
    if (failed) throw new Error(`the minimal page failed: ${failed}`);
    return this.browser.evaluate(inbound);
  }

  /** How many <video> it shows of others. */
  tiles() {
    return this.browser.evaluate(() => document.querySelectorAll('#others video').length);
  }

  /** The colours in them, sorted. */
  async colours() {
    return (await this.browser.evaluate(videoColours, '#others video')).map(nameColour).sort();
  }

  /** @returns {Promise<(string | null)[]>} */
  chat() {
    return this.browser.evaluate(() => [...document.querySelectorAll('#log li')].map((line) => line.textContent));
  }

  /** @param {string} text */
  say(text) {
    return this.browser.evaluate((t) => {
      const form = /** @type {HTMLFormElement} */ (document.getElementById('chat'));
      /** @type {HTMLInputElement} */ (form.elements.namedItem('text')).value = t;
      form.requestSubmit();
    }, text);
  }

  /** Closes the socket as a page does that is left. */
  leave() {
    return this.browser.evaluate(() => window.ws.close(1000));
  }
}
