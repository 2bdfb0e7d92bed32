// No state of a usual visit has a violation of any impact that axe-core finds, on a laptop; in
// the whole form no state at all, at every size, in light and in dark.

import assert from 'node:assert/strict';
import { violations } from './support/axe.mjs';
import { isWhole, scenario } from './support/stage.mjs';
import { allViews, everyState } from './support/states.mjs';

const views = isWhole ? allViews : allViews.slice(0, 1);

scenario(
  isWhole ? 'axe-core finds nothing in any state of the page, at any size' : 'axe-core finds nothing in any state of a usual visit',
  async (stage) => {
    /** @type {Record<string, string[]>} */
    const found = {};
    let looked = 0;
    await everyState(stage, async (state, view, page) => {
      looked++;
      const here = await violations(page, { contrastOnly: view.colours === 'dark' });
      if (here.length > 0) found[`${state} ${view.name}`] = here;
    }, views, isWhole);
    assert.deepEqual(found, {});
    assert.ok(looked >= 12 * views.length, `only ${looked} states and views were looked at`);
  },
  { timeout: isWhole ? 1_800_000 : 480_000 },
);
