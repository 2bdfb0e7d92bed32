// node screens.mjs FOLDER: a screenshot of every state of the page in every view, for the
// documents and for people to look at. `make screens` calls it.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Stage } from './support/stage.mjs';
import { allViews, everyState } from './support/states.mjs';

const folder = process.argv[2];
if (!folder) throw new Error('usage: node screens.mjs FOLDER');
mkdirSync(folder, { recursive: true });

const stage = new Stage('screens');
try {
  await everyState(stage, async (state, view, page) => {
    const file = path.join(folder, `${state}-${view.name}.png`);
    await page.screenshot({ path: file, animations: 'disabled', caret: 'hide' });
    console.log(file);
  }, allViews);
} finally {
  await stage.clear();
}
