// One person at the built-in page. What the tests know of the page's elements stands here and
// nowhere else: the data-testid attributes that web/README.md lists.

import assert from 'node:assert/strict';
import { inbound, outboundVideo, videoColours } from './probe.mjs';
import { until } from './until.mjs';
import { nameColour } from './video.mjs';

/** @param {string} id */
const byTest = (id) => `[data-testid="${id}"]`;

/** @param {string} name the tile of that person @param {'camera' | 'screen'} source @returns {string} */
const tileOf = (name, source) => `${byTest('tile')}[data-source="${source}"][data-name=${JSON.stringify(name)}]`;

/** @typedef {{peerId: string, name: string, self: boolean, source: string, lost: boolean, video: boolean, stalled: boolean, mark: string, muted: boolean, hand: boolean}} Tile */

export class Person {
  /** Everything the page wrote to its console. @type {string[]} */
  console = [];

  /**
   * @param {string} name
   * @param {import('playwright-core').BrowserContext} context
   * @param {import('playwright-core').Page} page
   */
  constructor(name, context, page) {
    this.name = name;
    this.context = context;
    this.page = page;
    page.on('console', (message) => this.console.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.console.push(`pageerror: ${error.stack ?? error}`));
    page.on('crash', () => this.console.push('the page crashed'));
  }

  /** What no page may ever do: leave an error uncaught, break its own CSP, run a stranger's text. */
  async check() {
    if (this.page.isClosed()) return;
    const seen = await this.page.evaluate(() => {
      const { errors, violations, attacked } = window.__aq;
      return { errors, violations, attacked };
    });
    assert.deepEqual(seen, { errors: [], violations: [], attacked: 0 }, `${this.name}'s page`);
  }

  /** @param {string} id a data-testid */
  element(id) {
    return this.page.locator(byTest(id));
  }

  // --- What the person does

  /**
   * Opens the page: what comes before the call is there, or without a room the landing page.
   *
   * @param {import('./server.mjs').Server} server
   * @param {{room?: string, host?: string, origin?: string}} [where] origin: of a proxy before the server
   */
  async open(server, { room, host, origin } = {}) {
    const query = room === undefined ? '' : `?${new URLSearchParams({ room })}`;
    await this.page.goto(origin ? `${origin}/aq_server/${query}` : server.page(query, host));
    await this.element(room === undefined ? 'landing' : 'join-form').waitFor();
  }

  /**
   * Follows a link to the room, gives a name and joins; resolves when the call is shown.
   *
   * @param {import('./server.mjs').Server} server
   * @param {string} room
   * @param {{watch?: boolean, host?: string, origin?: string}} [how] watch: without camera and microphone
   */
  async join(server, room, { watch = false, ...where } = {}) {
    await this.open(server, { room, ...where });
    await this.element('name-input').fill(this.name);
    await this.clickJoin(watch);
    await this.element('room-name').waitFor();
  }

  clickJoin(watch = false) {
    return this.element(watch ? 'join-without-button' : 'join-button').click();
  }

  /** Waits for one's own picture in the join dialog. */
  async sawPreview() {
    await until(`${this.name} sees the preview`, () =>
      this.page.evaluate(() => {
        const video = document.querySelector('[data-testid="preview-video"]');
        return video instanceof HTMLVideoElement && video.videoWidth > 0 && !video.paused;
      }),
    );
  }

  /** What a call needs beyond the join, its keys among it, comes a moment later. */
  hasKeys() {
    return this.page.evaluate(() => {
      const start = /** @type {HTMLScriptElement} */ (document.querySelector('script[type="module"]'));
      return import(new URL('page/incall.js', start.src).href);
    });
  }

  leave() {
    return this.element('leave-button').click();
  }

  /** Opens a side panel, whatever is open now. @param {'chat' | 'people'} which */
  async openPanel(which) {
    const button = this.element(`${which}-button`);
    if ((await button.getAttribute('aria-expanded')) !== 'true') await button.click();
  }

  async closePanel() {
    await this.element('panel-close').click();
  }

  /** @param {string} text */
  async say(text) {
    await this.openPanel('chat');
    await this.element('chat-input').fill(text);
    await this.element('chat-send').click();
  }

  /**
   * Stops the person's page as a machine stands still that has too much to do, until the
   * function that comes back is called.
   */
  async standStill() {
    const session = await /** @type {import('playwright-core').Browser} */ (this.context.browser()).newBrowserCDPSession();
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const pids = processInfo.filter((p) => p.type === 'renderer').map((p) => p.id);
    assert.notEqual(pids.length, 0);
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    let still = true;
    return () => {
      if (still) for (const pid of pids) process.kill(pid, 'SIGCONT');
      still = false;
    };
  }

  /**
   * Hands the page a message as if the server had sent it.
   *
   * @param {string} event
   * @param {object} data
   */
  async isTold(event, data) {
    await this.page.evaluate((text) => {
      window.__aq.sockets.at(-1)?.dispatchEvent(new MessageEvent('message', { data: text }));
    }, JSON.stringify({ event, data: JSON.stringify(data) }));
  }

  // --- What the page shows

  /** Of the connection, one of the page's own words: connected, reconnecting, ... */
  state() {
    return this.element('connection-state').getAttribute('data-state');
  }

  /** @param {string} [state] @param {number} [timeout] */
  async reaches(state = 'connected', timeout = 20_000) {
    const shown = this.element('connection-state');
    await until(`${this.name} is ${state}`, async () => (await shown.count()) > 0 && (await this.state()) === state, {
      timeout,
      seen: async () => ((await shown.count()) > 0 ? this.state() : this.page.locator('body').innerText()),
    });
  }

  /** @returns {Promise<Tile[]>} */
  tiles() {
    return this.page.evaluate(
      (selector) => {
        /** @param {Element} tile @param {string} id */
        const shown = (tile, id) => {
          const element = /** @type {HTMLElement | null} */ (tile.querySelector(`[data-testid="${id}"]`));
          return element && !element.hidden ? element : null;
        };
        return [...document.querySelectorAll(selector)].map((tile) => ({
          peerId: tile.getAttribute('data-peer-id') ?? '',
          name: tile.getAttribute('data-name') ?? '',
          self: tile.hasAttribute('data-self'),
          source: tile.getAttribute('data-source') ?? '',
          lost: shown(tile, 'tile-lost') !== null,
          video: tile.hasAttribute('data-video'),
          stalled: tile.hasAttribute('data-stalled'),
          mark: shown(tile, 'tile-still')?.innerText ?? '',
          muted: shown(tile, 'tile-muted') !== null,
          hand: shown(tile, 'tile-hand') !== null,
        }));
      },
      byTest('tile'),
    );
  }

  /** The tile of somebody's camera. @param {string} name */
  async tileOf(name) {
    return (await this.tiles()).find((t) => t.name === name && t.source === 'camera');
  }

  /** The names on the tiles of the others, sorted. */
  async others() {
    return (await this.tiles()).filter((t) => !t.self).map((t) => t.name).sort();
  }

  /** Waits until exactly these others have tiles. @param {string[]} names @param {number} [timeout] */
  async hasOthers(names, timeout = 15_000) {
    const wanted = [...names].sort().join();
    await until(`${this.name} has tiles of [${wanted}]`, async () => (await this.others()).join() === wanted, {
      timeout,
      seen: () => this.tiles(),
    });
  }

  /** The colour of the picture on somebody's tile. @param {string} name @param {'camera' | 'screen'} [source] */
  async colourOf(name, source = 'camera') {
    const [rgb] = await this.page.evaluate(videoColours, `${tileOf(name, source)} video`);
    return nameColour(rgb ?? null);
  }

  /**
   * Waits for the right picture on somebody's tile.
   *
   * @param {string} name
   * @param {string} colour
   * @param {number} [timeout]
   * @param {'camera' | 'screen'} [source]
   */
  async sees(name, colour, timeout = 20_000, source = 'camera') {
    const seen = () => this.colourOf(name, source);
    await until(`${this.name} sees ${name}'s ${source} in ${colour}`, async () => (await seen()) === colour, {
      timeout,
      seen: async () => ({ colour: await seen(), tiles: await this.tiles(), inbound: await this.inbound() }),
    });
  }

  /** Waits for any picture on somebody's tile. @param {string} name */
  async seesPictureOf(name) {
    await until(`${this.name} sees ${name}`, async () => (await this.tiles()).some((t) => t.name === name && t.video), {
      timeout: 20_000,
      seen: () => this.tiles(),
    });
  }

  /** Milliseconds from the click on Join to the first frame of somebody else, by the page's own marks. */
  firstFrame() {
    return until(`${this.name}'s first frame`, () =>
      this.page.evaluate(() => {
        const [click] = performance.getEntriesByName('aq:click');
        const [frame] = performance.getEntriesByName('aq:first-frame');
        return click && frame ? frame.startTime - click.startTime : 0;
      }),
    );
  }

  /** Waits until something is heard. */
  async hears(timeout = 15_000) {
    await until(`${this.name} hears something`, async () => (await this.inbound()).audioEnergy > 0, {
      timeout,
      seen: () => this.inbound(),
    });
  }

  /**
   * Decoded frames must go on rising for `ms`: from each second on, another one comes. On a
   * machine with much to do it may be late, for browsers encode and decode by the processor.
   */
  async decodesFor(ms = 3_000) {
    let frames = 0;
    for (let passed = 0; passed <= ms; passed += 1_000) {
      if (passed > 0) await new Promise((resolve) => setTimeout(resolve, 1_000));
      const before = frames;
      await until(`${this.name} decodes more than ${before} frames`, async () => {
        ({ frames } = await this.inbound());
        return frames > before;
      }, { timeout: 10_000, seen: () => this.inbound() });
    }
  }

  /** @returns {Promise<{author: string, text: string}[]>} */
  messages() {
    return this.page.evaluate(
      ([message, author]) =>
        [...document.querySelectorAll(message)].map((item) => ({
          author: item.querySelector(author)?.textContent ?? '',
          text: item.querySelector('.message-text')?.textContent ?? '',
        })),
      [byTest('chat-message'), byTest('chat-author')],
    );
  }

  /** @param {string} text @param {string} [author] @param {number} [timeout] */
  async reads(text, author, timeout = 5_000) {
    await until(
      `${this.name} reads "${text}"`,
      async () => (await this.messages()).some((m) => m.text === text && (author === undefined || m.author === author)),
      { timeout, seen: () => this.messages() },
    );
  }

  // --- What is underneath

  /** What arrives, see probe.mjs. */
  inbound() {
    return this.page.evaluate(inbound);
  }

  outboundVideo() {
    return this.page.evaluate(outboundVideo);
  }

  /** The close codes of the page's WebSockets so far. @returns {Promise<number[]>} */
  closeCodes() {
    return this.page.evaluate(() => window.__aq.closes.map((c) => c.code));
  }

  /** How often a text stands in the chat. @param {string} text */
  async timesRead(text) {
    return (await this.messages()).filter((m) => m.text === text).length;
  }

  /** What the server's ICE calls itself on the living connection: another name means a restart. */
  iceName() {
    return this.page.evaluate(() => {
      const alive = window.__aq.connections.filter((pc) => pc.connectionState !== 'closed').at(-1);
      return /a=ice-ufrag:(\S+)/.exec(alive?.remoteDescription?.sdp ?? '')?.[1] ?? '';
    });
  }

  /** The short notices that are shown. @returns {Promise<string[]>} */
  notices() {
    return this.page.locator('.toast-text').allInnerTexts();
  }

  /** How many PeerConnections the page has made so far. */
  connections() {
    return this.page.evaluate(() => window.__aq.connections.length);
  }
}
