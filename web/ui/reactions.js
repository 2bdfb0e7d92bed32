/** Pictures that people show each other for a moment. */

import { h } from './element.js';

const SHOWN_MS = 3500;
/** More at a time are not told apart. */
const MOST = 30;

/**
 * Over the tile of whoever sent it, or with his name at the edge of the stage
 * where his tile is not to be seen.
 *
 * @param {import('./stage.js').AqStage} stage
 * @param {{key: string, name: string, emoji: string}[]} reactions
 */
export function showReactions(stage, reactions) {
  for (const { key, name, emoji } of reactions) {
    if (stage.querySelectorAll('.reaction').length >= MOST) return;
    const tile = stage.visibleTile(key);
    const picture = h('span', { class: 'reaction-picture' }, emoji);
    // It is read aloud by other means.
    const element = h('div', { class: 'reaction', 'aria-hidden': 'true', 'data-testid': 'reaction' }, picture, tile ? null : h('span', { class: 'reaction-name', dir: 'auto' }, name));
    // Beside each other, not in a pile.
    element.style.insetInlineStart = `${Math.round(8 + Math.random() * 60)}%`;
    (tile ?? stage).append(element);
    setTimeout(() => element.remove(), SHOWN_MS);
  }
}
