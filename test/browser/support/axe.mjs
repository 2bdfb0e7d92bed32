// axe-core, the checker of accessibility, in a page of ours.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * The violations of any impact of what the page shows now, one line each.
 *
 * @param {import('playwright-core').Page} page
 * @param {{contrastOnly?: boolean}} [what] only what depends on the colours, of a page that was looked at before
 * @returns {Promise<string[]>}
 */
export async function violations(page, { contrastOnly = false } = {}) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(source);
  return page.evaluate(async (contrastOnly) => {
    /** @type {import('axe-core').RunOptions} */
    const options = { resultTypes: ['violations'] };
    if (contrastOnly) options.runOnly = ['color-contrast'];
    const { violations } = await window.axe.run(document, options);
    return violations.flatMap((v) => v.nodes.map((n) => `${v.impact} ${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`));
  }, contrastOnly);
}
