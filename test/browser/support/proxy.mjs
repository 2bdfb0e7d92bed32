// A TCP proxy before the server: cutting it is what a lost network does to a WebSocket, while
// the media (UDP, to the server itself) goes on.

import { once } from 'node:events';
import net from 'node:net';

export class Proxy {
  /** @type {Set<net.Socket>} */
  #sockets = new Set();
  #open = true;

  /** @param {number} target a port of this machine */
  constructor(target) {
    this.server = net.createServer((client) => {
      if (!this.#open) {
        client.destroy();
        return;
      }
      const upstream = net.connect(target, '127.0.0.1');
      for (const [from, to] of [[client, upstream], [upstream, client]]) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }

  /** @param {import('./stage.mjs').Stage} stage @param {import('./server.mjs').Server} server */
  static async before(stage, server) {
    const proxy = new Proxy(server.port);
    proxy.server.listen(0, 'localhost');
    await once(proxy.server, 'listening');
    stage.after(() => proxy.close());
    return proxy;
  }

  get origin() {
    const { port } = /** @type {net.AddressInfo} */ (this.server.address());
    return `http://localhost:${port}`;
  }

  /** Breaks every connection without a goodbye and lets none through until `mend`. */
  cut() {
    this.#open = false;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Nothing passes any more, and nobody is told: what a frozen peer looks like. */
  freeze() {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  mend() {
    this.#open = true;
  }

  close() {
    this.cut();
    this.server.close();
  }
}
