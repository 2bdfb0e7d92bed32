// Runs in every page before the page's own scripts: keeps what a test wants to ask about, and
// changes nothing the page could miss.
(() => {
  const aq = {
    /** Every RTCPeerConnection the page has made. @type {RTCPeerConnection[]} */
    connections: [],
    /** Every WebSocket's end. @type {{code: number, reason: string, at: number}[]} */
    closes: [],
    /** Violations of the Content-Security-Policy. @type {string[]} */
    violations: [],
    /** Errors that nobody caught. @type {string[]} */
    errors: [],
    /** Raised by the strings that try to run as script. */
    attacked: 0,
    /** When the person last clicked. */
    clickedAt: 0,
    /** When a video element showed its first frame of a remote stream, by stream id. @type {Record<string, number>} */
    firstFrame: {},
  };
  Object.defineProperty(window, '__aq', { value: aq });

  addEventListener('securitypolicyviolation', (e) => aq.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  addEventListener('error', (e) => aq.errors.push(String(e.error?.stack ?? e.message)));
  addEventListener('unhandledrejection', (e) => aq.errors.push(`unhandled: ${e.reason?.stack ?? e.reason}`));
  addEventListener('pointerdown', () => (aq.clickedAt = performance.now()), { capture: true });

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
      this.addEventListener('close', (e) => aq.closes.push({ code: e.code, reason: e.reason, at: performance.now() }));
    }
  };

  const srcObject = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
  if (srcObject?.set && HTMLVideoElement.prototype.requestVideoFrameCallback) {
    const { set } = srcObject;
    Object.defineProperty(HTMLMediaElement.prototype, 'srcObject', {
      ...srcObject,
      set(stream) {
        set.call(this, stream);
        if (!stream || !(this instanceof HTMLVideoElement)) return;
        this.requestVideoFrameCallback((now) => (aq.firstFrame[stream.id] ??= now));
      },
    });
  }
})();
