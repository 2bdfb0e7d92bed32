/** Figures about one picture, from the browser's reports. Pure. */

/**
 * @typedef {object} TileFigures
 * @property {number} width    0: there is no picture
 * @property {number} height
 * @property {number|null} fps
 * @property {number|null} bps
 * @property {number|null} loss     from 0 to 1, since the last sample
 * @property {string} layers        those that are sent, or the one that is received; empty: there are none
 * @property {string} codec
 * @property {string} transport     for example `udp`
 * @property {string} local         kind of the local ICE candidate: host, srflx, prflx, relay
 * @property {string} remote        of the remote one
 */
/** What was counted so far, and when in milliseconds. @typedef {{at: number, bytes: number, packets: number, lost: number}} Count */

/**
 * @param {readonly any[]} reports  the values of an RTCStatsReport
 * @param {{mid: string|null, self: boolean, layer: string}} tile
 * @param {Count|null} before  of the last sample; without it there are no rates
 * @returns {{figures: TileFigures, count: Count}}
 */
export function tileFigures(reports, { mid, self, layer }, before) {
  const byId = new Map(reports.map((report) => [report.id, report]));
  const streams = reports.filter((r) => r.type === (self ? 'outbound-rtp' : 'inbound-rtp') && r.kind === 'video' && mid !== null && r.mid === mid);
  const flowing = streams.filter((r) => r.active !== false && (r.frameWidth ?? 0) > 0);
  const best = flowing.sort((a, b) => b.frameWidth - a.frameWidth)[0];
  const heard = self ? reports.filter((r) => r.type === 'remote-inbound-rtp' && streams.some((s) => s.id === r.localId)) : streams;
  const sum = (/** @type {any[]} */ of, /** @type {string} */ name) => of.reduce((total, r) => total + (r[name] ?? 0), 0);
  const count = {
    at: best?.timestamp ?? 0,
    bytes: sum(streams, self ? 'bytesSent' : 'bytesReceived'),
    packets: sum(streams, self ? 'packetsSent' : 'packetsReceived'),
    lost: sum(heard, 'packetsLost'),
  };
  const known = before !== null && count.at > before.at && count.bytes >= before.bytes;
  const lost = known ? Math.max(count.lost - before.lost, 0) : 0;
  const packets = known ? count.packets - before.packets + (self ? 0 : lost) : 0;
  return {
    count,
    figures: {
      width: best?.frameWidth ?? 0,
      height: best?.frameHeight ?? 0,
      fps: best?.framesPerSecond ?? null,
      bps: known ? ((count.bytes - before.bytes) * 8000) / (count.at - before.at) : null,
      loss: packets > 0 ? Math.min(lost / packets, 1) : null,
      layers: self ? flowing.map((r) => r.rid).filter(Boolean).reverse().join(' ') : layer,
      codec: String(byId.get(best?.codecId)?.mimeType ?? '').replace('video/', ''),
      ...pathOf(reports, byId),
    },
  };
}

/** @param {readonly any[]} reports @param {Map<string, any>} byId */
function pathOf(reports, byId) {
  const transport = reports.find((r) => r.type === 'transport');
  // Firefox has no transport report; there the nominated pair in use is marked.
  const pair = byId.get(transport?.selectedCandidatePairId) ?? reports.find((r) => r.type === 'candidate-pair' && (r.selected || r.nominated));
  const [local, remote] = [byId.get(pair?.localCandidateId), byId.get(pair?.remoteCandidateId)];
  const relayed = local?.candidateType === 'relay' && local.relayProtocol;
  return { transport: relayed ? `${local.protocol}, ${local.relayProtocol}` : (local?.protocol ?? ''), local: local?.candidateType ?? '', remote: remote?.candidateType ?? '' };
}
