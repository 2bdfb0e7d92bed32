/** What a moderator can do with the room: who waits, and what is allowed. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';

/** @typedef {import('../protocol/moderation.js').Policy} Policy */
/** @typedef {import('../protocol/moderation.js').Waiting} Waiting */
/** @typedef {{may: boolean, policy: Policy, waiting: readonly Waiting[]}} ModerationModel */

/** @type {{id: 'lock'|'lobby'|'screen'|'chat', on: (p: Policy) => boolean, detail: (on: boolean) => import('../protocol/moderation.js').Moderate}[]} */
const SWITCHES = [
  { id: 'lock', on: (p) => p.locked, detail: (on) => ({ action: 'lock', on }) },
  { id: 'lobby', on: (p) => p.lobby, detail: (on) => ({ action: 'lobby', on }) },
  { id: 'screen', on: (p) => p.screen, detail: (on) => ({ action: 'allow', what: 'screen', on }) },
  { id: 'chat', on: (p) => p.chat, detail: (on) => ({ action: 'allow', what: 'chat', on }) },
];

/** @extends {AqElement<ModerationModel>} */
export class AqModeration extends AqElement {
  #list = h('ul', { class: 'waiting-list', 'data-testid': 'waiting-list', 'aria-label': t('moderation.waiting-list') });
  #boxes = SWITCHES.map(({ id }) => h('input', { type: 'checkbox', 'data-testid': `policy-${id}` }));
  #clear = h('button', { type: 'button', class: 'button small', 'data-testid': 'clear-chat' }, t('moderation.clear-chat'));
  #room = h(
    'details',
    { class: 'moderation-room' },
    h('summary', { 'data-testid': 'moderation' }, t('moderation.title')),
    ...SWITCHES.map(({ id }, i) => h('label', { class: 'switch' }, this.#boxes[i], h('span', {}, t(`moderation.${id}`)))),
    this.#clear,
  );
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();

  /** @override */
  build() {
    this.append(this.#list, this.#room);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    SWITCHES.forEach(({ detail }, i) => {
      // The server's answer sets it: until then it stays as it was.
      this.#boxes[i].addEventListener(
        'click',
        (event) => {
          event.preventDefault();
          if (this.model) this.emit('aq-moderate', detail(!SWITCHES[i].on(this.model.policy)));
        },
        { signal },
      );
    });
    this.#clear.addEventListener('click', () => this.emit('aq-moderate', { action: 'clear_chat' }), { signal });
  }

  /** @override @param {ModerationModel} model */
  render({ may, policy, waiting }) {
    this.hidden = !may;
    // After the click has run its course a box takes what is set here.
    queueMicrotask(() => SWITCHES.forEach(({ on }, i) => (this.#boxes[i].checked = on(policy))));
    const there = new Set(waiting.map((w) => w.peer_id));
    for (const [id, item] of this.#items) {
      if (there.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    for (const someone of waiting) {
      if (this.#items.has(someone.peer_id)) continue;
      const item = this.#item(someone);
      this.#items.set(someone.peer_id, item);
      this.#list.append(item);
    }
    this.#list.hidden = waiting.length === 0;
  }

  /** @param {Waiting} someone */
  #item({ peer_id: id, username }) {
    const name = h('span', { class: 'person-name', dir: 'auto' });
    setText(name, username);
    const button = (/** @type {string} */ text, /** @type {boolean} */ admit, /** @type {string} */ style) => {
      const b = h('button', { type: 'button', class: `button small ${style}`.trim(), 'data-testid': admit ? 'admit' : 'refuse' }, text);
      setAttribute(b, 'aria-label', t('moderation.about', { action: text, name: username }));
      b.addEventListener('click', () => this.emit('aq-admit', { peer_id: id, admit }));
      return b;
    };
    return h('li', { class: 'waiting', 'data-testid': 'waiting', 'data-peer-id': id }, h('span', { class: 'person-text' }, name, h('span', { class: 'person-note' }, t('moderation.waits'))), button(t('moderation.admit'), true, 'primary'), button(t('moderation.refuse'), false, ''));
  }
}

customElements.define('aq-moderation', AqModeration);
