// Reads `go test -json` from standard input and prints what a person wants to see of it:
// the closing line of every package, the whole output of what failed, what took longest, and
// the totals.
// A skipped test is a failure in CI (CI set), a warning elsewhere.
import { createInterface } from 'node:readline';

/** @type {Map<string, string[]>} output so far, by package and test */
const output = new Map();
/** Tests and packages that have begun and not ended. */
const running = new Set();
const totals = { pass: 0, fail: 0, skip: 0 };
const failed = [];
const skipped = [];
/** Seconds from start to end, by test. @type {[number, string][]} */
const times = [];
let packagesFailed = 0;

const key = (/** @type {{Package?: string, ImportPath?: string, Test?: string}} */ e) =>
  `${e.Package ?? e.ImportPath ?? ''} ${e.Test ?? ''}`;

for await (const line of createInterface({ input: process.stdin })) {
  let event;
  try {
    event = JSON.parse(line);
  } catch {
    console.log(line); // go's own words, outside the JSON
    continue;
  }
  handle(event);
}

/** @param {{Action: string, Package?: string, ImportPath?: string, Test?: string, Output?: string}} event */
function handle(event) {
  const k = key(event);
  switch (event.Action) {
    case 'build-output':
      process.stdout.write(event.Output ?? '');
      return;
    case 'output':
      if (!output.has(k)) output.set(k, []);
      output.get(k)?.push(event.Output ?? '');
      return;
    case 'start':
    case 'run':
      running.add(k);
      return;
    case 'pass':
    case 'fail':
    case 'skip':
      finish(event, k);
  }
}

/** @param {{Action: string, Package?: string, Test?: string, Elapsed?: number}} event @param {string} k */
function finish(event, k) {
  const lines = output.get(k) ?? [];
  output.delete(k);
  running.delete(k);
  if (event.Test === undefined) {
    if (event.Action === 'fail') packagesFailed++;
    const closing = lines.filter((l) => /^(ok|FAIL|\?|coverage:|panic:)\s/.test(l));
    process.stdout.write((event.Action === 'fail' ? lines : closing).join(''));
    return;
  }
  if (!event.Test.includes('/')) times.push([event.Elapsed ?? 0, `${event.Package}.${event.Test}`]);
  totals[/** @type {'pass'|'fail'|'skip'} */ (event.Action)]++;
  if (event.Action === 'pass') return;
  (event.Action === 'fail' ? failed : skipped).push(`${event.Package}.${event.Test}`);
  process.stdout.write(lines.join(''));
}

// What never finished: its package died (a panic, a timeout) or go was ended.
for (const k of running) {
  process.stdout.write((output.get(k) ?? []).join(''));
  failed.push(`${k} (never finished)`);
}

for (const [seconds, name] of times.sort((a, b) => b[0] - a[0]).slice(0, 20)) console.log(`slow: ${seconds.toFixed(1)} s ${name}`);
for (const name of failed) console.log(`failed: ${name}`);
for (const name of skipped) console.log(`skipped: ${name}`);
console.log(`go test: ${totals.pass} passed, ${totals.fail} failed, ${totals.skip} skipped, ${packagesFailed} packages failed`);
const bad = failed.length > 0 || packagesFailed > 0 || (skipped.length > 0 && process.env.CI);
if (totals.pass === 0) console.log('go test: nothing ran');
process.exitCode = bad || totals.pass === 0 ? 1 : 0;
