// The states of a call with several people: see states.mjs.

import { Crowd } from './crowd.mjs';
import { until } from './until.mjs';

// Nothing moves, so that nothing is looked at half-way through a change.
const context = /** @type {const} */ ({ reducedMotion: 'reduce' });

/**
 * Shows the layouts of a call, what lies over them, and what a moderator has.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {import('./states.mjs').Show} show
 */
export async function callStates(stage, show) {
  const server = await stage.server({ OPEN_MODERATION: 'first', LOBBY: 'off' });
  const alice = await stage.person('Alice', { hue: 280, context });
  const { page } = alice;
  await alice.join(server, 'demo');
  await alice.reaches('connected');
  await alice.hasKeys();
  const crowd = await Crowd.join(stage, server, 'demo', 1);
  await alice.seesPictureOf('Person 01');
  await show('call-of-two', alice);
  const others = await Crowd.join(stage, server, 'demo', 8, 2);
  await alice.hasOthers(Array.from({ length: 9 }, (_, i) => `Person 0${i + 1}`));
  await alice.seesPictureOf('Person 02');
  others.do('hand 1');
  others.do('quality 2 2');
  const tile = (/** @type {string} */ name) => page.locator(`[data-testid="tile"][data-name="${name}"]`);
  await tile('Person 03').getByTestId('tile-quality').waitFor();
  await until('no notice is left', async () => (await alice.element('toast').count()) === 0);
  await show('call-grid', alice);

  /** @param {string} name @param {() => import('playwright-core').Locator} button */
  const menu = async (name, button) => {
    await show(`menu-${name}`, {
      page,
      reveal: async () => {
        const shown = page.locator('.menu:not([hidden])');
        if ((await shown.count()) > 0) return true;
        if (!(await button().isVisible())) return false;
        await button().click();
        await shown.waitFor();
        return true;
      },
    });
    await page.keyboard.press('Escape');
  };
  for (const [name, button] of Object.entries({ microphone: 'microphone-menu', screen: 'screen-menu', more: 'more-button', layout: 'layout-button', reactions: 'react-button' })) await menu(name, () => alice.element(button));
  await menu('tile', () => tile('Person 02').getByTestId('tile-menu'));

  await page.keyboard.press('l');
  await page.keyboard.press('l');
  crowd.do('speak 1');
  await page.locator('[data-testid="tile"][data-name="Person 01"][data-large]').waitFor();
  await show('call-speaker', alice);
  await tile('Person 05').dblclick();
  await page.keyboard.press('i');
  await alice.element('tile-figures').first().waitFor();
  await show('call-pinned-with-statistics', alice);
  await page.keyboard.press('i');
  await tile('Person 05').dblclick();
  await page.keyboard.press('l');
  crowd.do('share 1');
  await page.locator('[data-source="screen"][data-video]').waitFor();
  await until('no notice is left', async () => (await alice.element('toast').count()) === 0);
  await show('call-screen', alice);
  await page.keyboard.press('?');
  await alice.element('keys').waitFor();
  await show('keys', alice);
  await alice.element('keys-close').click();

  await alice.openPanel('people');
  await alice.element('moderation').click();
  await alice.element('person-menu').nth(1).click();
  await show('people-moderation', alice);
}
