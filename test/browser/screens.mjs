// node screens.mjs FOLDER: a screenshot of every state of the page, for the documents and for
// people to look at. `make screens` calls it.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Stage } from './support/stage.mjs';
import { everyState, views } from './support/states.mjs';

const folder = process.argv[2];
if (!folder) throw new Error('usage: node screens.mjs FOLDER');
mkdirSync(folder, { recursive: true });

for (const view of views) {
  const stage = new Stage(`screens at ${view.name}`);
  try {
    await everyState(stage, view, async (state, person) => {
      const file = path.join(folder, `${state}-${view.name}.png`);
      await person.page.screenshot({ path: file, animations: 'disabled', caret: 'hide' });
      console.log(file);
    });
  } finally {
    await stage.clear();
  }
}
