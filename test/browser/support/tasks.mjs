// What the main thread of a page is busy with.

/** @typedef {{wall: number, cpu: number}} Task milliseconds: how long it took, and how much of it the processor worked for it */

/**
 * Records the tasks of a page's main thread until the function that comes back is called.
 *
 * @param {import('./person.mjs').Person} person
 * @returns {Promise<() => Promise<Task[]>>} the longest first
 */
export async function recordTasks({ context, page }) {
  const cdp = await context.newCDPSession(page);
  /** @type {any[]} */
  const events = [];
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['toplevel'] } });
  return async () => {
    const complete = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
    await cdp.send('Tracing.end');
    await complete;
    await cdp.detach();
    const threads = new Set(events.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain').map((e) => `${e.pid} ${e.tid}`));
    return events
      .filter((e) => e.ph === 'X' && e.name.endsWith('RunTask') && threads.has(`${e.pid} ${e.tid}`))
      .map((e) => ({ wall: e.dur / 1000, cpu: (e.tdur ?? e.dur) / 1000 }))
      .sort((a, b) => b.wall - a.wall);
  };
}
