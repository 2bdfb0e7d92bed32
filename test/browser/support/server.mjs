// A real AQ Server of its own for each test: the built binary, on a port nobody else uses.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import dgram from 'node:dgram';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, within } from './until.mjs';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The binary to test: AQ_SERVER, or built here once per process. */
let binary = process.env.AQ_SERVER;
function serverBinary() {
  if (!binary) {
    binary = path.join(root, 'bin', 'server');
    execFileSync('go', ['build', '-o', binary, './cmd/server'], { cwd: root, stdio: 'inherit' });
  }
  return binary;
}

/**
 * A port that is free for TCP and for UDP, since the server uses one number for both.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (let attempt = 0; attempt < 20; attempt++) {
    const tcp = net.createServer().listen(0);
    await once(tcp, 'listening');
    const { port } = /** @type {net.AddressInfo} */ (tcp.address());
    const udp = dgram.createSocket('udp4');
    const free = await new Promise((resolve) => {
      udp.once('error', () => resolve(false));
      udp.bind(port, () => resolve(true));
    });
    if (free) udp.close();
    tcp.close();
    await once(tcp, 'close');
    if (free) return port;
  }
  throw new Error('no free port found');
}

/** One running server. */
export class Server {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;
  /** @type {string[]} */
  #log = [];

  /** @param {number} port @param {Record<string, string>} env */
  constructor(port, env) {
    this.port = port;
    this.env = env;
  }

  /**
   * Starts a server with the given further environment variables and waits until it is healthy.
   *
   * @param {Record<string, string>} [env]
   */
  static async start(env = {}) {
    const server = new Server(await freePort(), env);
    await server.launch();
    return server;
  }

  /** Where the page is, by default under the name that makes it a secure context. */
  page(query = '', host = 'localhost') {
    return `${this.origin(host)}/aq_server/${query}`;
  }

  origin(host = 'localhost') {
    return `${this.env.TLS ? 'https' : 'http'}://${host}:${this.port}`;
  }

  /** @param {string} room @param {string} username */
  socket(room, username) {
    const query = new URLSearchParams({ room, username });
    return `ws://localhost:${this.port}/aq_server/websocket?${query}`;
  }

  /** Starts the process, also again on the same port after it has ended. */
  async launch() {
    if (this.#process) throw new Error('the server is running');
    const child = spawn(serverBinary(), [], {
      // Nothing of the caller's environment but what a process needs: a stray PORT would mislead.
      env: { PATH: process.env.PATH, HOME: os.tmpdir(), PORT: String(this.port), ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text) => this.#log.push(text));
    }
    child.on('exit', (code, signal) => this.#log.push(`(server ended: ${signal ?? code})\n`));
    await until('the server answers /health', async () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.log}`);
      return this.#healthy();
    });
  }

  /** @returns {Promise<boolean>} */
  #healthy() {
    const { get } = this.env.TLS ? https : http;
    return new Promise((resolve, reject) => {
      // Whom a self-signed certificate belongs to is not the question here.
      get(`${this.origin('127.0.0.1')}/health`, { rejectUnauthorized: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      }).on('error', reject);
    });
  }

  /**
   * Sends a signal and waits for the end; SIGKILL is a crash.
   *
   * @param {NodeJS.Signals} signal
   * @returns {Promise<{code: number | null, signal: string | null, ms: number}>}
   */
  async end(signal = 'SIGTERM') {
    const child = this.#process;
    if (!child) return { code: null, signal: null, ms: 0 };
    this.#process = undefined;
    if (child.exitCode !== null || child.signalCode !== null) {
      return { code: child.exitCode, signal: child.signalCode, ms: 0 };
    }
    const began = Date.now();
    const exited = once(child, 'exit');
    child.kill(signal);
    try {
      const [code, by] = await within(exited, 15_000, `the server ends on ${signal}`);
      return { code, signal: by, ms: Date.now() - began };
    } catch (err) {
      child.kill('SIGKILL');
      throw err;
    }
  }

  /** Sends a signal that does not end it: SIGSTOP, SIGCONT. @param {NodeJS.Signals} signal */
  signal(signal) {
    this.#process?.kill(signal);
  }

  /** Everything it has written so far. */
  get log() {
    return this.#log.join('');
  }

  /** @returns {Promise<Record<string, number>>} peers by room, from /rooms */
  async rooms() {
    const answer = await (await fetch(`${this.origin('127.0.0.1')}/rooms`)).json();
    return Object.fromEntries(answer.rooms.map((/** @type {{room: string, peers: number}} */ r) => [r.room, r.peers]));
  }
}
