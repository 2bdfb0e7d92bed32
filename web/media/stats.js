/** Figures about the connection, from the browser's reports. Pure. */

/**
 * @typedef {object} Sample
 * @property {number} time          milliseconds
 * @property {number} bytesSent
 * @property {number} bytesReceived
 */
/**
 * @typedef {object} Figures
 * @property {number|null} rttMs
 * @property {number|null} sendBps
 * @property {number|null} receiveBps
 * @property {string} path     how media travels, for example "udp, host"
 * @property {string} sending  what the camera's largest flowing layer is, for example "1280 × 720, VP8"
 */

/**
 * @param {Iterable<any>} reports the values of an RTCStatsReport
 * @param {Sample|null} before the last sample; without it there are no rates
 * @returns {{figures: Figures, sample: Sample}}
 */
export function figuresOf(reports, before) {
  /** @type {Map<string, any>} */
  const byId = new Map();
  for (const report of reports) byId.set(report.id, report);
  const all = [...byId.values()];
  const transport = all.find((r) => r.type === 'transport');
  // Firefox has no transport report; there the nominated pair in use is marked.
  const pair =
    byId.get(transport?.selectedCandidatePairId) ?? all.find((r) => r.type === 'candidate-pair' && (r.selected || r.nominated));
  const local = byId.get(pair?.localCandidateId);
  const sample = {
    time: pair?.timestamp ?? 0,
    bytesSent: transport?.bytesSent ?? pair?.bytesSent ?? 0,
    bytesReceived: transport?.bytesReceived ?? pair?.bytesReceived ?? 0,
  };
  const seconds = before ? (sample.time - before.time) / 1000 : 0;
  /** @param {number} now @param {number} then */
  const rate = (now, then) => (seconds > 0 && now >= then ? ((now - then) * 8) / seconds : null);
  return {
    sample,
    figures: {
      rttMs: typeof pair?.currentRoundTripTime === 'number' ? pair.currentRoundTripTime * 1000 : null,
      sendBps: before ? rate(sample.bytesSent, before.bytesSent) : null,
      receiveBps: before ? rate(sample.bytesReceived, before.bytesReceived) : null,
      path: local ? `${local.protocol}, ${local.candidateType}` : '',
      sending: sendingOf(all, byId),
    },
  };
}

/** @param {any[]} all @param {Map<string, any>} byId */
function sendingOf(all, byId) {
  const best = all
    .filter((r) => r.type === 'outbound-rtp' && r.kind === 'video' && r.frameWidth && r.framesPerSecond)
    .sort((a, b) => b.frameWidth - a.frameWidth)[0];
  if (!best) return '';
  const codec = String(byId.get(best.codecId)?.mimeType ?? '').replace('video/', '');
  return `${best.frameWidth} × ${best.frameHeight}${codec ? `, ${codec}` : ''}`;
}
