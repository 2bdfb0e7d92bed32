// Runs a client that is a program of its own: JSON lines out, chat lines in, exit 0 or 1.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { root } from '../browser/support/server.mjs';
import { within } from '../browser/support/until.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const python = '/usr/bin/python3'; // Debian's: the modules are its packages

/** One running client. */
export class ClientProcess {
  /** What it has printed. @type {({event: string} & Record<string, any>)[]} */
  lines = [];
  #errors = '';

  /** @param {string} name @param {string} command @param {string[]} args */
  constructor(name, command, args) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.exited = once(this.child, 'exit');
    createInterface({ input: this.child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text));
    this.child.stdin.on('error', () => {}); // it ended first; its exit status tells
  }

  /** Of how many others both audio and video have come. */
  get complete() {
    return this.lines.findLast((l) => l.event === 'media')?.complete ?? 0;
  }

  /** How many streams have ever brought anything, complete or not. */
  get streams() {
    return this.lines.findLast((l) => l.event === 'media')?.streams ?? {};
  }

  /** @returns {string[]} */
  get chat() {
    return this.lines.filter((l) => l.event === 'chat').map((l) => l.data);
  }

  /** @param {string} text */
  say(text) {
    this.child.stdin.write(`${text}\n`);
  }

  /** Ends its input, upon which it leaves; resolves with its exit status. */
  async leave() {
    this.child.stdin.end();
    const [code, signal] = await within(this.exited, 20_000, `${this.name} ends`);
    return code ?? signal;
  }

  kill() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
  }

  /** What it said, for the report of a failure. */
  get report() {
    return `${this.name}: ${JSON.stringify(this.lines.slice(-3))}\n${this.#errors}`;
  }
}

/** @typedef {{colour?: string, expect?: number, watch?: boolean}} Options */

/** @param {string} script @returns {(url: string, options?: Options) => ClientProcess} */
const pythonClient = (script) => (url, { colour = 'yellow', expect = 1, watch = false } = {}) =>
  new ClientProcess(script, python, [
    path.join(here, script),
    url,
    `--colour=${colour}`,
    `--expect=${expect}`,
    ...(watch ? ['--watch'] : []),
  ]);

export const aiortc = pythonClient('aiortc_client.py');
export const gstreamer = pythonClient('gstreamer_client.py');

/** What the Go client is built into and sends from; made when first needed. @type {string | undefined} */
let pionFolder;

/** @param {string} url @param {Options} [options] @returns {ClientProcess} */
export function pion(url, { colour = 'blue', expect = 1, watch = false } = {}) {
  if (!pionFolder) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'aq-pion-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    execFileSync('go', ['build', '-o', folder, './test/foreign/pionclient'], { cwd: root, stdio: 'inherit' });
    pionFolder = folder;
  }
  const args = [`-expect=${expect}`];
  if (!watch) {
    const [video, audio] = [`${colour}.ivf`, `${colour}.ogg`].map((name) => path.join(/** @type {string} */ (pionFolder), name));
    execFileSync(python, [path.join(here, 'make_media.py'), colour, video, audio], { stdio: 'ignore' });
    args.push(`-video=${video}`, `-audio=${audio}`);
  }
  return new ClientProcess('pion', path.join(pionFolder, 'pionclient'), [...args, url]);
}
