// Questions that run inside a page (Chromium by Playwright, Firefox by Marionette alike).
// Each function is sent as text: it may use only its argument and the page's globals.

/**
 * What arrives: the sums of all inbound RTP of the page's living connections.
 *
 * @returns {Promise<{frames: number, videoBytes: number, audioBytes: number, audioEnergy: number, videos: number, audios: number, states: string[]}>}
 */
export async function inbound() {
  const sum = { frames: 0, videoBytes: 0, audioBytes: 0, audioEnergy: 0, videos: 0, audios: 0, states: /** @type {string[]} */ ([]) };
  const connections = window.__aq?.connections ?? [window.pc];
  for (const pc of connections) {
    if (!pc || pc.connectionState === 'closed') continue;
    sum.states.push(pc.connectionState);
    for (const report of (await pc.getStats()).values()) {
      if (report.type !== 'inbound-rtp') continue;
      if (report.kind === 'video') {
        sum.frames += report.framesDecoded ?? 0;
        sum.videoBytes += report.bytesReceived ?? 0;
        if (report.framesDecoded > 0) sum.videos++;
      } else {
        sum.audioBytes += report.bytesReceived ?? 0;
        if (report.packetsReceived > 0) sum.audios++;
        sum.audioEnergy += report.totalAudioEnergy ?? 0;
      }
    }
  }
  return sum;
}

/**
 * What is sent: the layers of the page's own video, with the frames and bytes of each.
 *
 * @returns {Promise<{rid: string, width: number, height: number, frames: number, bytes: number, active: boolean}[]>}
 */
export async function outboundVideo() {
  const layers = [];
  for (const pc of window.__aq.connections) {
    if (pc.connectionState === 'closed') continue;
    for (const report of (await pc.getStats()).values()) {
      if (report.type !== 'outbound-rtp' || report.kind !== 'video') continue;
      layers.push({
        rid: report.rid ?? '',
        width: report.frameWidth ?? 0,
        height: report.frameHeight ?? 0,
        frames: report.framesEncoded ?? 0,
        bytes: report.bytesSent ?? 0,
        active: report.active !== false,
      });
    }
  }
  return layers;
}

/**
 * The mean colour of the middle of each <video> that `selector` finds and that shows a picture,
 * null for one that does not.
 *
 * @param {string} selector
 * @returns {(number[] | null)[]}
 */
export function videoColours(selector) {
  return [...document.querySelectorAll(selector)].map((video) => {
    if (!(video instanceof HTMLVideoElement) || video.videoWidth === 0 || video.readyState < 2) return null;
    const canvas = document.createElement('canvas');
    canvas.width = 8;
    canvas.height = 8;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const { videoWidth: w, videoHeight: h } = video;
    context?.drawImage(video, w * 0.4, h * 0.4, w * 0.2, h * 0.2, 0, 0, 8, 8);
    const pixels = context?.getImageData(0, 0, 8, 8).data ?? [];
    const mean = [0, 0, 0];
    for (let i = 0; i < pixels.length; i += 4) for (let c = 0; c < 3; c++) mean[c] += pixels[i + c] / 64;
    return mean.map(Math.round);
  });
}
