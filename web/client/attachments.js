/**
 * Which `<video>` shows whom, and how large: the server sends no more than that.
 * A picture that no element shows is not sent at all.
 */

/** @typedef {import('../protocol/messages.js').ViewEntry} ViewEntry */
/** @typedef {'camera'|'screen'} VideoSource */
/** @typedef {{peerId: string, source: VideoSource, trackId: string|null, stream: MediaStream|null}} Picture  trackId: null for our own */
/** @typedef {{peerId: string, source: VideoSource, video: HTMLVideoElement, visible: boolean, stop: () => void}} Attachment */

/** Sizes change with every step of a resize; the server hears of them this often at most. */
const VIEW_DELAY_MS = 100;

/**
 * @typedef {object} AttachmentsOptions
 * @property {(views: ViewEntry[]) => void} onViews
 * @property {() => number} scale   device pixels for each CSS pixel
 * @property {(video: HTMLVideoElement, changed: (visible?: boolean) => void) => () => void} [observe]  tells of its size and of whether it is in sight
 * @property {(run: () => void, ms: number) => any} [setTimer]
 */

export class Attachments {
  #options;
  /** @type {Set<Attachment>} */
  #attached = new Set();
  /** Sizes of pictures that are drawn elsewhere. @type {Map<string, {width: number, height: number}>} */
  #sizes = new Map();
  /** @type {readonly Picture[]} */
  #pictures = [];
  #due = false;

  /** @param {AttachmentsOptions} options */
  constructor(options) {
    this.#options = { observe: observeElement, setTimer: (/** @type {() => void} */ run, /** @type {number} */ ms) => setTimeout(run, ms), ...options };
  }

  /**
   * @param {string} peerId
   * @param {HTMLVideoElement} video
   * @param {VideoSource} source
   * @returns {() => void} detaches it
   */
  attach(peerId, video, source) {
    for (const other of this.#attached) if (other.video === video) this.#detach(other);
    video.autoplay = true;
    video.playsInline = true;
    // Sound has players of its own, and a muted video may always play.
    video.muted = true;
    /** @type {Attachment} */
    const attachment = { peerId, source, video, visible: true, stop: () => undefined };
    attachment.stop = this.#options.observe(video, (visible = attachment.visible) => {
      attachment.visible = visible;
      this.#tellSoon();
    });
    this.#attached.add(attachment);
    this.#place(attachment);
    this.#tellSoon();
    return () => this.#detach(attachment);
  }

  /**
   * For who draws a picture by himself: how large, in device pixels.
   *
   * @param {string} peerId
   * @param {VideoSource} source
   * @param {{width: number, height: number}|null} size  null: not any more
   */
  size(peerId, source, size) {
    if (size) this.#sizes.set(`${peerId}:${source}`, size);
    else this.#sizes.delete(`${peerId}:${source}`);
    this.#tellSoon();
  }

  /** Shows these where they are attached. @param {readonly Picture[]} pictures all there are */
  show(pictures) {
    this.#pictures = pictures;
    for (const attachment of this.#attached) this.#place(attachment);
    this.#tellSoon();
  }

  stop() {
    this.#pictures = [];
    for (const attachment of this.#attached) this.#detach(attachment);
  }

  /** @param {Attachment} attachment */
  #detach(attachment) {
    if (!this.#attached.delete(attachment)) return;
    attachment.stop();
    attachment.video.srcObject = null;
    this.#tellSoon();
  }

  /** @param {Attachment} attachment */
  #place({ peerId, source, video }) {
    const stream = this.#pictures.find((p) => p.peerId === peerId && p.source === source)?.stream ?? null;
    if (video.srcObject === stream) return;
    video.srcObject = stream;
    // It is refused only while the stream is being changed, and then autoplay does it.
    if (stream) video.play()?.catch(() => undefined);
  }

  #tellSoon() {
    if (this.#due) return;
    this.#due = true;
    this.#options.setTimer(() => {
      this.#due = false;
      this.#options.onViews(this.#views());
    }, VIEW_DELAY_MS);
  }

  /** @returns {ViewEntry[]} */
  #views() {
    return this.#pictures.flatMap(({ peerId, source, trackId }) => {
      if (trackId === null) return [];
      let { width, height } = this.#sizes.get(`${peerId}:${source}`) ?? { width: 0, height: 0 };
      for (const { peerId: shown, source: what, video, visible } of this.#attached) {
        if (shown !== peerId || what !== source || !visible) continue;
        width = Math.max(width, Math.round(video.clientWidth * this.#options.scale()));
        height = Math.max(height, Math.round(video.clientHeight * this.#options.scale()));
      }
      return [width > 0 && height > 0 ? { track_id: trackId, width, height } : { track_id: trackId, hidden: true }];
    });
  }
}

/**
 * @param {HTMLVideoElement} video
 * @param {(visible?: boolean) => void} changed
 */
function observeElement(video, changed) {
  const resize = new ResizeObserver(() => changed());
  const sight = new IntersectionObserver((entries) => changed(entries[entries.length - 1].isIntersecting));
  resize.observe(video);
  sight.observe(video);
  return () => {
    resize.disconnect();
    sight.disconnect();
  };
}
