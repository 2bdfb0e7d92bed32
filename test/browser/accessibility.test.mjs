// No state of the page has a serious or critical violation that axe-core finds, on a laptop and
// on a phone, in light and in dark.

import assert from 'node:assert/strict';
import { violations } from './support/axe.mjs';
import { scenario } from './support/stage.mjs';
import { everyState, views } from './support/states.mjs';

for (const view of views) {
  scenario(
    `axe-core finds nothing serious in any state at ${view.name}`,
    async (stage) => {
      /** @type {Record<string, string[]>} */
      const found = {};
      await everyState(stage, view, async (state, person) => {
        const here = await violations(person.page);
        if (here.length > 0) found[state] = here;
      });
      assert.deepEqual(found, {});
    },
    { timeout: 180_000 },
  );
}
