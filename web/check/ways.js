/**
 * The ways that media can take to the server, as its offer and its `iceServers`
 * name them. Pure.
 */

/** @typedef {'udp4'|'udp6'|'tcp4'|'tcp6'|'relay-udp'|'relay-tcp'|'relay-tls'} WayId */
/**
 * @typedef {object} Way
 * @property {WayId} id
 * @property {string[]} targets         where it leads: address and port, or the URL of a relay
 * @property {RTCIceServer|null} relay  the one to go through; null: straight to the server
 */

/** @typedef {{protocol: string, address: string, port: string}} Candidate */

/**
 * The candidate in a line of a description, or in the text that is trickled
 * (RFC 8839, section 5.1).
 *
 * @param {string} line
 * @returns {Candidate|null}
 */
export function candidateOf(line) {
  const match = /^(?:a=)?candidate:\S+ \d+ (\S+) \d+ (\S+) (\d+) typ \S+/.exec(line);
  return match && { protocol: match[1].toLowerCase(), address: match[2], port: match[3] };
}

/** @param {Candidate} candidate @returns {WayId} */
function wayOf({ protocol, address }) {
  const family = address.includes(':') ? '6' : '4';
  return /** @type {WayId} */ (`${protocol === 'tcp' ? 'tcp' : 'udp'}${family}`);
}

/** @param {string} url of a relay @returns {WayId|null} null: no relay (STUN) */
function relayOf(url) {
  if (url.startsWith('turns:')) return 'relay-tls';
  if (!url.startsWith('turn:')) return null;
  return url.includes('transport=tcp') ? 'relay-tcp' : 'relay-udp';
}

/**
 * @param {string} sdp  the server's offer
 * @param {readonly RTCIceServer[]} iceServers
 * @returns {Way[]} those the server offers, the usual one first
 */
export function waysOf(sdp, iceServers) {
  /** @type {Map<string, Way>} */
  const ways = new Map();
  for (const line of sdp.split(/\r?\n/)) {
    const candidate = candidateOf(line);
    if (!candidate) continue;
    const id = wayOf(candidate);
    const { address, port } = candidate;
    const target = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    const way = ways.get(id) ?? { id, targets: [], relay: null };
    if (!way.targets.includes(target)) way.targets.push(target);
    ways.set(id, way);
  }
  for (const server of iceServers) {
    for (const url of [server.urls].flat()) {
      const id = relayOf(url);
      if (id) ways.set(url, { id, targets: [url], relay: { ...server, urls: url } });
    }
  }
  return [...ways.values()];
}

/**
 * An offer that leaves nothing but one way.
 *
 * @param {string} sdp
 * @param {Way} way
 * @returns {string}
 */
export function onlyWay(sdp, way) {
  if (way.relay) return sdp;
  return sdp
    .split('\r\n')
    .filter((line) => {
      const candidate = candidateOf(line);
      return candidate === null || wayOf(candidate) === way.id;
    })
    .join('\r\n');
}

/**
 * Which way a connection has taken.
 *
 * @param {readonly any[]} reports  the values of an RTCStatsReport
 * @returns {WayId|null} null: it has taken none yet
 */
export function wayTaken(reports) {
  const byId = new Map(reports.map((report) => [report.id, report]));
  const transport = reports.find((r) => r.type === 'transport');
  // Firefox has no transport report; there the pair in use is marked.
  const pair = byId.get(transport?.selectedCandidatePairId) ?? reports.find((r) => r.type === 'candidate-pair' && (r.selected || (r.nominated && r.state === 'succeeded')));
  const local = byId.get(pair?.localCandidateId);
  const remote = byId.get(pair?.remoteCandidateId);
  if (!local || !remote) return null;
  if (local.candidateType === 'relay') return local.relayProtocol === 'tls' ? 'relay-tls' : local.relayProtocol === 'tcp' ? 'relay-tcp' : 'relay-udp';
  return wayOf({ protocol: local.protocol, address: remote.address ?? remote.ip ?? '', port: '' });
}
