// How long packets wait on the way to a host: small ones go there and back again, ten times a
// second, beside everything else.

import { spawn } from 'node:child_process';

const echo = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 7007))
while True:
    d, a = s.recvfrom(64); s.sendto(d, a)
`;
const ask = `
import select, socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((sys.argv[1], 7007)); s.setblocking(False)
due = time.time()
while True:
    if select.select([s], [], [], max(0, due - time.time()))[0]:
        try: sent, = struct.unpack('d', s.recv(64))
        except OSError: continue
        print('%.4f %.4f' % (sent, time.time() - sent), flush=True)
    if time.time() >= due:
        due += 0.1
        try: s.send(struct.pack('d', time.time()))
        except OSError: pass
`;

export class Queue {
  /** @type {{at: number, took: number}[]} milliseconds */
  list = [];
  #rest = '';

  /** @param {import('./lab.mjs').Lab} lab @param {number} from host @param {number} to host */
  constructor(lab, from, to) {
    const run = (/** @type {number} */ host, /** @type {string[]} */ args) => {
      const child = spawn('ip', ['netns', 'exec', `${lab.name}-h${host}`, 'nice', '-n', '-15', 'python3', '-c', ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      lab.stage.after(() => child.kill('SIGKILL'));
      return child;
    };
    run(to, [echo]);
    run(from, [ask, lab.address(to)])
      .stdout.setEncoding('utf8')
      .on('data', (text) => {
        const lines = (this.#rest + text).split('\n');
        this.#rest = lines.pop() ?? '';
        for (const line of lines) {
          const [sent, took] = line.split(' ').map((v) => Number(v) * 1000);
          this.list.push({ at: sent, took });
        }
      });
  }

  /** How much longer than the fastest of all the slowest of that time took; a hundredth may be slower. @param {number} from @param {number} to */
  longest(from, to) {
    const base = Math.min(...this.list.map((l) => l.took));
    const all = this.list.filter((l) => l.at >= from && l.at < to).map((l) => l.took - base);
    all.sort((a, b) => a - b);
    return all[Math.floor((all.length * 99) / 100)] ?? Infinity;
  }
}
