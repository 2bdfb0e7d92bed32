// The network lab (test/netlab.sh) for browsers: hosts 1 to n, the server on host 1, Chromium on
// the others.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../../browser/support/server.mjs';
import { until, within } from '../../browser/support/until.mjs';
import { Timeline } from './timeline.mjs';

const script = path.join(root, 'test', 'netlab.sh');
const net = '10.99.0';
let labs = 0;

/** Where the server is in every lab. */
export const origin = `http://${net}.11:8080`;

const room = 'demo';

/** Why there can be no lab here; false when there can. @returns {string | false} */
export function unusable() {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  for (const tool of ['ip', 'tc', 'ss', 'iptables', 'python3']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `the network lab needs ${tool}`;
  }
  return false;
}

export class Lab {
  /** Of each person. @type {Map<string, Timeline>} */
  timelines = new Map();

  /**
   * @param {import('../../browser/support/stage.mjs').Stage} stage
   * @param {number} hosts
   * @param {string[]} options of netlab.sh up
   */
  constructor(stage, hosts, options = []) {
    this.stage = stage;
    this.name = `aqb${process.pid}n${++labs}`;
    this.env = { ...process.env, NL_NAME: this.name, NL_NET: net };
    this.folder = mkdtempSync(path.join(os.tmpdir(), 'aq-lab-'));
    stage.after(() => {
      this.do('down');
      rmSync(this.folder, { recursive: true, force: true });
    });
    this.do('up', String(hosts), ...options);
  }

  /** A command of netlab.sh. @param {...string} args */
  do(...args) {
    execFileSync(script, args, { env: this.env, stdio: ['ignore', 'inherit', 'inherit'] });
  }

  /** @param {number} host */
  address(host) {
    return `${net}.${10 + host}`;
  }

  /** Starts the server on host 1; it ends with the scenario. */
  async serve() {
    const binary = process.env.AQ_SERVER ?? path.join(root, 'bin', 'server');
    const child = spawn(script, ['exec', '1', binary], {
      env: { ...this.env, PORT: '8080', LOG_LEVEL: 'debug' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    /** @type {string[]} */
    const log = [];
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => log.push(text));
    const exited = once(child, 'exit');
    this.stage.after(async () => {
      child.kill('SIGTERM');
      await within(exited, 15_000, 'the server ends').finally(() => child.kill('SIGKILL'));
    });
    const server = new LabServer(log);
    // Only its log is asked for, when something has failed.
    this.stage.servers.push(/** @type {any} */ (server));
    await until('the server listens', () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${server.log}`);
      const list = spawnSync(script, ['exec', '1', 'ss', '-Hltn', 'sport = :8080'], { env: this.env, encoding: 'utf8' });
      return list.stdout.trim() !== '';
    });
    return server;
  }

  /**
   * Opens a browser on a host for somebody whose camera shows `colour`, and joins.
   *
   * @param {number} host
   * @param {string} name
   * @param {{colour?: string, grain?: boolean, size?: [number, number], watch?: boolean}} how watch: without camera and microphone
   */
  async person(host, name, { watch = false, ...film }) {
    const wrapper = path.join(this.folder, `chromium-${host}`);
    const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
    const flags = `--unsafely-treat-insecure-origin-as-secure=${origin}`;
    // Each browser is a session of its own, which urgent.sh does not reach.
    const urgent = process.env.NETWORK === 'full' ? 'echo -15 >/proc/self/autogroup || true\n' : '';
    writeFileSync(wrapper, `#!/bin/sh\n${urgent}exec ip netns exec ${this.name}-h${host} ${chromium} ${flags} "$@"\n`);
    chmodSync(wrapper, 0o755);
    const person = await launching(wrapper, () => this.stage.person(name, film));
    this.timelines.set(name, new Timeline(person.page));
    await person.join(/** @type {any} */ (null), room, { origin, watch });
    return person;
  }
}

/** Somebody without a browser who sends, see ../sender. */
export class Sender {
  #child;
  /** @type {((line: string) => void)[]} */
  #waiting = [];

  /** @param {Lab} lab @param {number} host @param {string} name */
  constructor(lab, host, name) {
    const binary = senderBinary();
    this.#child = spawn(script, ['exec', String(host), binary, origin, room, name], {
      env: lab.env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface(this.#child.stdout).on('line', (line) => this.#waiting.shift()?.(line));
    const exited = once(this.#child, 'exit');
    lab.stage.after(async () => {
      this.#child.stdin.end();
      await within(exited, 15_000, 'the sender ends').finally(() => this.#child.kill('SIGKILL'));
    });
  }

  /** What it has sent and was asked for so far. @returns {Promise<{at: number, frames: number, plis: number, nacks: number}>} */
  async counts() {
    const line = new Promise((resolve) => this.#waiting.push(resolve));
    this.#child.stdin.write('\n');
    return JSON.parse(await within(line, 10_000, 'the sender answers'));
  }
}

let built = '';

/** Builds the sender once. */
function senderBinary() {
  if (built) return built;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'aq-sender-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const binary = path.join(folder, 'sender');
  execFileSync('go', ['build', '-o', binary, './test/network/sender'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return (built = binary);
}

/**
 * Lets what `start` begins use another browser than the usual one.
 *
 * @template T
 * @param {string} executable
 * @param {() => T} start
 * @returns {T}
 */
function launching(executable, start) {
  const usual = process.env.CHROMIUM;
  process.env.CHROMIUM = executable;
  try {
    return start(); // reads the name before it first waits
  } finally {
    if (usual === undefined) delete process.env.CHROMIUM;
    else process.env.CHROMIUM = usual;
  }
}

/** What a stage wants to know of a server. */
class LabServer {
  #log;

  /** @param {string[]} log */
  constructor(log) {
    this.#log = log;
  }

  get log() {
    return this.#log.join('');
  }
}
