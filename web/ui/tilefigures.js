/** The figures that lie on a tile. */

import { bitrate, number, percent } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute } from './element.js';

/** @extends {AqElement<import('../media/tilestats.js').TileFigures>} */
export class AqTileFigures extends AqElement {
  #list = h('dl', {});

  /** @override */
  build() {
    setAttribute(this, 'data-testid', 'tile-figures');
    this.append(this.#list);
  }

  /** @override @param {import('../media/tilestats.js').TileFigures} figures */
  render({ width, height, fps, bps, loss, layers, codec, transport, local, remote }) {
    const unknown = t('common.unknown');
    /** @type {[string, string][]} */
    const rows = [
      [t('statistics.resolution'), width > 0 ? `${number(width, { useGrouping: false })} × ${number(height, { useGrouping: false })}` : unknown],
      [t('statistics.frames'), fps === null ? unknown : number(fps, { maximumFractionDigits: 0 })],
      [t('statistics.bitrate'), bps === null ? unknown : bitrate(bps)],
      [t('statistics.loss'), loss === null ? unknown : percent(loss)],
      [t('statistics.layer'), layers || unknown],
      [t('statistics.codec'), codec || unknown],
      [t('statistics.way'), transport ? `${transport}, ${local} – ${remote}` : unknown],
    ];
    this.#list.replaceChildren(...rows.map(([term, value]) => h('div', {}, h('dt', {}, term), h('dd', { dir: 'ltr' }, value))));
  }
}

customElements.define('aq-tile-figures', AqTileFigures);
