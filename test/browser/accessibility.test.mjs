// No state of a usual visit has a violation of any impact that axe-core finds, and all that can be
// worked in it is reached by keyboard, on a laptop; in the whole form no state at all, at every
// size, in light and in dark. With SCREENS a screenshot of each state goes into that folder.

import assert from 'node:assert/strict';
import { violations } from './support/axe.mjs';
import { keyboardFaults } from './support/keyboard.mjs';
import { Screens } from './support/screens.mjs';
import { isWhole, scenario } from './support/stage.mjs';
import { allViews, everyState } from './support/states.mjs';

const views = isWhole ? allViews : allViews.slice(0, 1);
const screens = process.env.SCREENS ? new Screens(process.env.SCREENS) : null;

scenario(
  isWhole ? 'axe-core finds nothing and the keyboard reaches everything, in any state of the page, at any size' : 'axe-core finds nothing and the keyboard reaches everything, in any state of a usual visit',
  async (stage) => {
    /** @type {Record<string, string[]>} */
    const found = {};
    let looked = 0;
    await everyState(stage, async (state, view, page) => {
      looked++;
      await screens?.take(state, view, page);
      const here = await violations(page, { contrastOnly: view.colours === 'dark' });
      if (view.colours === 'light') here.push(...(await keyboardFaults(page)));
      if (here.length > 0) found[`${state} ${view.name}`] = here;
    }, views, isWhole);
    screens?.writeIndex();
    assert.deepEqual(found, {});
    assert.ok(looked >= 12 * views.length, `only ${looked} states and views were looked at`);
  },
  { timeout: isWhole ? 1_800_000 : 480_000 },
);
