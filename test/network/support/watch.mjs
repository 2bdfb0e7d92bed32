// What a page goes through under a fault: when pictures and sound came, whom it had tiles of.

/**
 * @typedef {object} Seen
 * @property {number} video  longest time without a new decoded frame, milliseconds
 * @property {number} audio  longest time without a packet of sound, milliseconds
 * @property {number} lastStart  when the longest of both began, by Date.now()
 * @property {number} lastEnd    when it ended
 * @property {number} missing how often there was no tile of the other
 * @property {number} packetsLost of all inbound streams
 */

/** Starts to watch in a page. @param {import('../../browser/support/person.mjs').Person} person @param {string} other */
export function watch(person, other) {
  return person.page.evaluate((name) => {
    /** @type {any} */ (window).__watch?.stop();
    const seen = { video: 0, audio: 0, lastStart: 0, lastEnd: 0, missing: 0, packetsLost: 0 };
    /** @type {Map<string, number>} */
    const before = new Map();
    const last = { video: Date.now(), audio: Date.now() };
    let stopped = false;
    const look = async () => {
      const came = { video: false, audio: false };
      let lost = 0;
      const now = Date.now();
      for (const [i, pc] of window.__aq.connections.entries()) {
        if (pc.connectionState === 'closed') continue;
        for (const report of (await pc.getStats()).values()) {
          if (report.type !== 'inbound-rtp') continue;
          const kind = /** @type {'video' | 'audio'} */ (report.kind);
          const value = kind === 'video' ? report.framesDecoded : report.packetsReceived;
          if (value > (before.get(`${i} ${report.id}`) ?? 0)) came[kind] = true;
          before.set(`${i} ${report.id}`, value);
          lost += report.packetsLost ?? 0;
        }
      }
      seen.packetsLost = lost;
      for (const kind of /** @type {const} */ (['video', 'audio'])) {
        const gap = now - last[kind];
        if (gap > Math.max(seen.video, seen.audio)) Object.assign(seen, { lastStart: last[kind], lastEnd: now });
        seen[kind] = Math.max(seen[kind], gap);
        if (came[kind]) last[kind] = now;
      }
      const tile = `[data-testid="tile"][data-name=${JSON.stringify(name)}]`;
      if (!document.querySelector(tile)) seen.missing++;
    };
    const run = async () => {
      while (!stopped) {
        await look();
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    };
    void run();
    /** @type {any} */ (window).__watch = { seen, last, stop: () => (stopped = true) };
  }, other);
}

/** What has been seen since. @param {import('../../browser/support/person.mjs').Person} person @returns {Promise<Seen>} */
export function seen(person) {
  return person.page.evaluate(() => ({ .../** @type {any} */ (window).__watch.seen }));
}

/** When media last came, by Date.now(): the older of picture and sound. @param {import('../../browser/support/person.mjs').Person} person @returns {Promise<number>} */
export function lastMedia(person) {
  return person.page.evaluate(() => {
    const { video, audio } = /** @type {any} */ (window).__watch.last;
    return Math.min(video, audio);
  });
}

/** The name of the path that ICE uses; a restart changes it. @param {import('../../browser/support/person.mjs').Person} person */
export function ufrag(person) {
  return person.page.evaluate(
    () => window.__aq.connections.at(-1)?.remoteDescription?.sdp.match(/^a=ice-ufrag:(.*)$/m)?.[1].trim() ?? '',
  );
}
