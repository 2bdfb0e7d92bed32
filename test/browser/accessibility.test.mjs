// No state of the page has a violation of any impact that axe-core finds, on a laptop and
// on a phone, in light and in dark.

import assert from 'node:assert/strict';
import { violations } from './support/axe.mjs';
import { scenario } from './support/stage.mjs';
import { everyState, views } from './support/states.mjs';

scenario(
  'axe-core finds nothing in any state of the page',
  async (stage) => {
    /** @type {Record<string, string[]>} */
    const found = {};
    let looked = 0;
    await everyState(stage, async (state, view, page) => {
      looked++;
      const here = await violations(page, { contrastOnly: view.colours === 'dark' });
      if (here.length > 0) found[`${state} ${view.name}`] = here;
    });
    assert.deepEqual(found, {});
    assert.ok(looked >= 12 * views.length, `only ${looked} states and views were looked at`);
  },
  { timeout: 720_000 },
);
