// A stage for one scenario: the server, the browsers and the other clients that a test starts,
// what went wrong with any of them, and the clearing away.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { launchChromium } from './chromium.mjs';
import { Firefox } from './firefox.mjs';
import { Person } from './person.mjs';
import { root, Server } from './server.mjs';
import { Films } from './video.mjs';
import { within } from './until.mjs';

/** Where the traces of failed tests go. */
const traces = path.join(root, 'test', 'out');

/** Whether everything is tested, however long it takes. */
export const isWhole = process.env.BROWSER === 'whole';

/**
 * Declares a test. Whatever `play` starts through the stage is ended after it, and a failure
 * leaves the server's log, each page's console and a picture of it in test/out.
 *
 * @param {string} name
 * @param {(stage: Stage) => Promise<void>} play
 * @param {{timeout?: number, whole?: boolean}} [options] timeout in milliseconds; whole: it
 *   takes minutes, and belongs to the whole form alone, `make browser-whole`
 */
export function scenario(name, play, { timeout = 90_000, whole = false } = {}) {
  if (whole && !isWhole) return;
  test(name, async () => {
    const stage = new Stage(name);
    try {
      await within(play(stage), timeout, name);
      await stage.checkPages();
    } catch (err) {
      await within(stage.trace(), 20_000, 'the trace of the failure').catch((e) => console.error(e));
      throw err;
    } finally {
      await stage.clear();
    }
  });
}

export class Stage {
  /** @type {Person[]} */
  people = [];
  /** @type {Server[]} */
  servers = [];
  /** @type {(() => unknown)[]} */
  #cleanups = [];
  /** @type {(() => string)[]} */
  #reports = [];
  #films = new Films();

  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  /** Registers what is to be done in the end, last first. @param {() => unknown} cleanup */
  after(cleanup) {
    this.#cleanups.push(cleanup);
  }

  /** @param {Record<string, string>} [env] */
  async server(env) {
    const server = await Server.start(env);
    this.servers.push(server);
    this.after(() => server.end('SIGKILL'));
    return server;
  }

  /**
   * Opens a browser for somebody whose camera shows `colour`, or a portrait of that hue; the
   * page is not loaded yet.
   *
   * @param {string} name
   * @param {import('./chromium.mjs').Choices & {colour?: string, grain?: boolean, hue?: number, size?: [number, number]}} [choices] grain: no flat picture, but one with much to encode
   */
  async person(name, { colour, grain = false, hue, size = [640, 360], ...choices } = {}) {
    let film;
    if (colour) film = this.#films.colour(colour, ...size, grain);
    else if (hue !== undefined) film = this.#films.portrait(hue, ...size);
    const { browser, context, page } = await launchChromium({ film, ...choices });
    this.after(() => browser.close());
    const person = new Person(name, context, page);
    this.people.push(person);
    return person;
  }

  /** Whoever has been looked at takes time from the others no more. @param {...Person} people */
  async dismiss(...people) {
    for (const person of people) {
      await person.check();
      await person.context.browser()?.close();
    }
  }

  async firefox() {
    const firefox = await Firefox.launch();
    this.after(() => firefox.close());
    return firefox;
  }

  /**
   * Looks after a client that is a process.
   *
   * @template {{kill(): void, readonly report: string}} T
   * @param {T} client
   * @returns {T}
   */
  client(client) {
    this.after(() => client.kill());
    this.#reports.push(() => client.report);
    return client;
  }

  /** What no scenario may ever see in a page: errors nobody caught, and CSP violations. */
  async checkPages() {
    for (const person of this.people) await person.check();
  }

  /** Writes down what a failure looked like. */
  async trace() {
    mkdirSync(traces, { recursive: true });
    const base = path.join(traces, this.name.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 80));
    const text = [
      ...this.servers.map((s) => `--- server\n${s.log}`),
      ...this.people.map((p) => `--- ${p.name}\n${p.console.join('\n')}`),
      ...this.#reports.map((r) => `--- client\n${r()}`),
    ].join('\n');
    writeFileSync(`${base}.log`, text);
    console.error(`${this.name}: traces in ${base}.*\n${text.split('\n').slice(-60).join('\n')}`);
    for (const person of this.people) {
      await person.page.screenshot({ path: `${base}-${person.name}.png`, timeout: 5_000 }).catch(() => {});
    }
  }

  async clear() {
    for (const cleanup of this.#cleanups.reverse()) {
      try {
        await cleanup();
      } catch (err) {
        console.error(`${this.name}: clearing away: ${err}`);
      }
    }
    this.#films.remove();
  }
}
