// Many people at once who are no browsers: test/browser/crowd.

import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { root } from './server.mjs';
import { within } from './until.mjs';

/** Built once per process. */
let binary = '';
function crowdBinary() {
  if (!binary) {
    binary = path.join(root, 'bin', 'crowd');
    execFileSync('go', ['build', '-o', binary, './test/browser/crowd'], { cwd: root, stdio: 'inherit' });
  }
  return binary;
}

export class Crowd {
  #process;
  #lines;
  #errors = '';

  /** @param {import('./server.mjs').Server} server @param {string} room @param {number} people @param {number} first */
  constructor(server, room, people, first) {
    this.#process = spawn(crowdBinary(), [server.origin('127.0.0.1').replace('http', 'ws'), room, String(people), String(first)], { stdio: 'pipe' });
    this.#process.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text));
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /**
   * Resolves when all of them are in the room.
   *
   * @param {import('./stage.mjs').Stage} stage
   * @param {import('./server.mjs').Server} server
   * @param {string} room
   * @param {number} people  named `Person 01` and so on
   * @param {number} [first]  the number of the first of them
   */
  static async join(stage, server, room, people, first = 1) {
    const crowd = stage.client(new Crowd(server, room, people, first));
    await within(crowd.#next(), 60_000, `${people} people join`);
    return crowd;
  }

  /** Has somebody of them do something, see main.go; the first has number 1. @param {string} what */
  do(what) {
    this.#process.stdin.write(`${what}\n`);
  }

  /** The layers that each sends now. @returns {Promise<Record<string, string[]>>} */
  async layers() {
    this.do('layers');
    return this.#next();
  }

  /** @returns {Promise<any>} */
  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the crowd has ended: ${this.#errors}`);
    return JSON.parse(value);
  }

  kill() {
    this.#process.kill('SIGKILL');
  }

  get report() {
    return this.#errors;
  }
}
