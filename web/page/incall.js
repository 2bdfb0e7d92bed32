/** What is not needed before a call: keys, layouts, and an ear for one's own microphone. */

import { wireArranging } from './arranging.js';
import { Hearing } from './hearing.js';
import { watchKeys } from './keys.js';

/** @param {import('./page.js').Page} page @returns {Hearing} */
export function beginCalls(page) {
  wireArranging(page);
  watchKeys(page);
  return new Hearing(page);
}
