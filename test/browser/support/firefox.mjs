// Drives Debian's own Firefox through Marionette, the protocol built into every Firefox:
// JSON arrays over TCP, each behind its length ("12:[0,1,...]"). No driver to install.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { freePort } from './server.mjs';
import { until, within } from './until.mjs';

/** Fake camera and microphone, no prompts, no first-run pages, nothing asked of the network. */
const preferences = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.peerconnection.ice.loopback': true,
  'browser.shell.checkDefaultBrowser': false,
  'browser.aboutwelcome.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'app.update.disabledForTesting': true,
  'app.normandy.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'media.gmp-manager.updateEnabled': false,
  'extensions.update.enabled': false,
  'browser.safebrowsing.update.enabled': false,
};

/** A headless Firefox with a fresh profile and one page. */
export class Firefox {
  #nextID = 1;
  /** @type {Map<number, {resolve: (v: any) => void, reject: (e: Error) => void}>} */
  #waiting = new Map();
  #received = Buffer.alloc(0);
  /** @type {string[]} */
  #output = [];

  /**
   * @param {import('node:child_process').ChildProcess} child
   * @param {string} profile
   */
  constructor(child, profile) {
    this.child = child;
    this.profile = profile;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => this.#output.push(text));
    }
  }

  static async launch() {
    const profile = mkdtempSync(path.join(os.tmpdir(), 'aq-firefox-'));
    const port = await freePort();
    const lines = Object.entries({ ...preferences, 'marionette.port': port });
    writeFileSync(
      path.join(profile, 'user.js'),
      lines.map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''),
    );
    const child = spawn(
      process.env.FIREFOX ?? 'firefox-esr',
      ['--headless', '--marionette', '--no-remote', '--profile', profile, 'about:blank'],
      { env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const firefox = new Firefox(child, profile);
    try {
      await firefox.#connect(port);
      await firefox.command('WebDriver:NewSession', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
      await firefox.command('WebDriver:SetTimeouts', { script: 30_000, pageLoad: 30_000 });
    } catch (err) {
      await firefox.close();
      throw err;
    }
    return firefox;
  }

  /** @param {number} port */
  async #connect(port) {
    this.socket = await until(
      'Firefox listens',
      () => {
        if (this.child.exitCode !== null) throw new Error(`Firefox ended: ${this.#output.join('')}`);
        return new Promise((resolve) => {
          const socket = net.connect(port, '127.0.0.1');
          socket.once('connect', () => resolve(socket));
          socket.once('error', () => resolve(undefined));
        });
      },
      { timeout: 60_000, every: 200 },
    );
    const greeted = new Promise((resolve) => (this.greet = resolve));
    this.socket.on('data', (/** @type {Buffer} */ chunk) => this.#receive(chunk));
    this.socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('Firefox hung up'));
      this.#waiting.clear();
    });
    this.socket.on('error', () => {}); // its close follows
    await within(greeted, 10_000, "Marionette's greeting");
  }

  /** @param {Buffer} chunk */
  #receive(chunk) {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#received.subarray(0, colon).toString());
      if (this.#received.length < end) return;
      const packet = JSON.parse(this.#received.subarray(colon + 1, end).toString());
      this.#received = this.#received.subarray(end);
      if (!Array.isArray(packet)) {
        this.greet?.(packet);
        continue;
      }
      const [, id, error, result] = packet;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(`${error.error}: ${error.message}`));
      else waiting?.resolve(result);
    }
  }

  /** @param {string} name @param {object} [parameters] @returns {Promise<any>} */
  command(name, parameters = {}) {
    const id = this.#nextID++;
    const text = JSON.stringify([0, id, name, parameters]);
    const answered = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.socket?.write(`${Buffer.byteLength(text)}:${text}`);
    return within(answered, 60_000, `Marionette ${name}`);
  }

  /** @param {string} url */
  async goto(url) {
    await this.command('WebDriver:Navigate', { url });
  }

  /**
   * Runs a function in the page and returns what it returns, awaited; like Playwright's evaluate.
   *
   * @template A, R
   * @param {(argument: A) => R | Promise<R>} fn
   * @param {A} [argument]
   * @returns {Promise<R>}
   */
  async evaluate(fn, argument) {
    // sandbox null: the page's own globals, not copies of them.
    const { value } = await this.command('WebDriver:ExecuteAsyncScript', {
      script: `const [argument, done] = arguments;
        Promise.resolve().then(() => (${fn})(argument)).then(
          (value) => done({ value }), (err) => done({ error: String(err && err.stack || err) }));`,
      args: [argument ?? null],
      sandbox: null,
    });
    if (value.error !== undefined) throw new Error(value.error);
    return value.value;
  }

  /** @param {string} selector @returns {Promise<string>} Marionette's name of the element */
  async #find(selector) {
    const { value } = await this.command('WebDriver:FindElement', { using: 'css selector', value: selector });
    return String(Object.values(value)[0]);
  }

  /** Clicks as a person does, which also counts as a gesture. @param {string} selector */
  async click(selector) {
    await this.command('WebDriver:ElementClick', { id: await this.#find(selector) });
  }

  /** @param {string} selector @param {string} text */
  async fill(selector, text) {
    const id = await this.#find(selector);
    await this.command('WebDriver:ElementClear', { id });
    await this.command('WebDriver:ElementSendKeys', { id, text });
  }

  async close() {
    this.socket?.destroy();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await within(exited, 10_000, 'Firefox ends').catch(() => this.child.kill('SIGKILL'));
    }
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
