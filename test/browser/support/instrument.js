// Runs in every page before the page's own scripts: keeps what a test wants to ask about, and
// changes nothing the page could miss.
(() => {
  const aq = {
    /** Every RTCPeerConnection the page has made. @type {RTCPeerConnection[]} */
    connections: [],
    /** Every WebSocket the page has made. @type {WebSocket[]} */
    sockets: [],
    /** Every WebSocket's end. @type {{code: number, reason: string, at: number}[]} */
    closes: [],
    /** Violations of the Content-Security-Policy. @type {string[]} */
    violations: [],
    /** Errors that nobody caught. @type {string[]} */
    errors: [],
    /** Raised by the strings that try to run as script. */
    attacked: 0,
  };
  Object.defineProperty(window, '__aq', { value: aq });

  addEventListener('securitypolicyviolation', (e) => aq.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  addEventListener('error', (e) => aq.errors.push(String(e.error?.stack ?? e.message)));
  addEventListener('unhandledrejection', (e) => aq.errors.push(`unhandled: ${e.reason?.stack ?? e.reason}`));

  // The fake camera is called after its file, which is nobody's business in a screenshot.
  const label = window.MediaDeviceInfo && Object.getOwnPropertyDescriptor(MediaDeviceInfo.prototype, 'label');
  if (label?.get) {
    const { get } = label;
    Object.defineProperty(MediaDeviceInfo.prototype, 'label', {
      ...label,
      get() {
        return get.call(this).replace(/^\/.*/, 'Camera');
      },
    });
  }

  const Connection = window.RTCPeerConnection;
  if (Connection) {
    window.RTCPeerConnection = class RTCPeerConnection extends Connection {
      /** @param {RTCConfiguration} [config] */
      constructor(config) {
        super(config);
        aq.connections.push(this);
      }
    };
  }

  const Socket = window.WebSocket;
  window.WebSocket = class WebSocket extends Socket {
    /** @param {string | URL} url @param {string | string[]} [protocols] */
    constructor(url, protocols) {
      super(url, protocols);
      aq.sockets.push(this);
      this.addEventListener('close', (e) => aq.closes.push({ code: e.code, reason: e.reason, at: performance.now() }));
    }
  };
})();
