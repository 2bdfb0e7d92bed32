// Chromium from Debian, headless, with a fresh profile and a fake camera and microphone.

import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const instrument = fileURLToPath(new URL('./instrument.js', import.meta.url));

const base = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/**
 * @typedef {object} Choices
 * @property {string} [film] the file its camera plays
 * @property {boolean} [ask] a permission prompt is shown (and nobody clicks it) instead of granted
 * @property {string} [resolve] a host name that means this machine, to be elsewhere than on localhost
 * @property {import('playwright-core').BrowserContextOptions} [context]
 */

/**
 * Starts a browser with one instrumented page.
 *
 * @param {Choices} [choices]
 */
export async function launchChromium({ film, ask = false, resolve, context: contextOptions } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...base,
      '--use-fake-device-for-media-stream',
      ...(ask ? [] : ['--use-fake-ui-for-media-stream']),
      ...(film ? [`--use-file-for-fake-video-capture=${film}`] : []),
      ...(resolve ? [`--host-resolver-rules=MAP ${resolve} 127.0.0.1`] : []),
    ],
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...contextOptions });
    await context.addInitScript({ path: instrument });
    const page = await context.newPage();
    return { browser, context, page };
  } catch (err) {
    await browser.close();
    throw err;
  }
}
