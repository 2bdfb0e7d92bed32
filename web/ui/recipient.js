/** For whom a message is: for the whole room, or for one person alone. */

import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute } from './element.js';
import { icon } from './icons.js';

/** @typedef {import('./chat.js').Person} Person */

let instances = 0;

/**
 * Emits `aq-recipient` when it changes. Whoever was chosen stays so when he
 * leaves: what was meant for one must not go to all because a list is shorter.
 *
 * @extends {AqElement<{people: readonly Person[]}>}
 */
export class AqRecipient extends AqElement {
  #id = `aq-recipient-${(instances += 1)}`;
  #select = h('select', { id: this.#id, 'data-testid': 'chat-to' });
  /** The name of whoever was chosen. */
  #name = '';
  #gone = false;
  #value = '';
  /** What the options were made of. */
  #shown = '';

  /** @override */
  build() {
    this.append(h('label', { for: this.#id }, icon('lock'), t('chat.to')), this.#select);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#select.addEventListener('change', () => (this.value = this.#select.value), { signal });
  }

  /** Peer id; empty: everybody. @returns {string} */
  get value() {
    return this.#value;
  }

  set value(peerId) {
    if (peerId === this.#value) return;
    this.#value = peerId;
    this.#name = '';
    if (this.model) this.render(this.model);
    this.emit('aq-recipient');
  }

  /** Whoever was chosen is not here any more. @returns {boolean} */
  get gone() {
    return this.#gone;
  }

  /** @override @param {{people: readonly Person[]}} model */
  render({ people }) {
    const others = people.filter((person) => !person.self);
    const chosen = others.find((person) => person.peerId === this.#value);
    this.#name = chosen?.name ?? this.#name;
    const wasGone = this.#gone;
    this.#gone = this.#value !== '' && !chosen;
    this.hidden = others.length === 0 && this.#value === '';
    const made = JSON.stringify([others.map(({ peerId, name }) => [peerId, name]), this.#gone && this.#value]);
    if (made !== this.#shown) {
      this.#shown = made;
      const options = [...others].sort((a, b) => a.name.localeCompare(b.name)).map(({ peerId, name }) => new Option(name, peerId));
      if (this.#gone) options.push(new Option(t('chat.left-the-room', { name: this.#name }), this.#value));
      this.#select.replaceChildren(new Option(t('chat.everyone'), ''), ...options);
    }
    if (this.#select.value !== this.#value) this.#select.value = this.#value;
    setAttribute(this, 'data-private', this.#value !== '');
    if (this.#gone !== wasGone) this.emit('aq-recipient');
  }
}

customElements.define('aq-recipient', AqRecipient);
