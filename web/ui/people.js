/** Who is in the room. */

import { enumeration } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';
import { AqModeration } from './moderation.js';
import { AqPersonMenu } from './personmenu.js';
import { hueOf, initials, isPoor, qualityText } from './text.js';

/** @typedef {import('../model.js').CallModel['people'][number]} Person */

/** @typedef {{people: Person[], moderation: import('./moderation.js').ModerationModel}} PeopleModel */

/** @extends {AqElement<PeopleModel>} */
export class AqPeople extends AqElement {
  #list = h('ul', { class: 'people-list', 'data-testid': 'people-list', 'aria-label': t('people.title') });
  #copy = h('button', { type: 'button', class: 'button wide', 'data-testid': 'people-copy' }, icon('link'), t('people.copy'));
  #moderation = new AqModeration();
  /** @type {Map<string, PersonItem>} */
  #items = new Map();

  /** @override */
  build() {
    this.append(h('div', { class: 'people-scroll', tabindex: 0, role: 'group', 'aria-label': t('people.list') }, this.#moderation, this.#list), this.#copy);
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    this.#copy.addEventListener('click', () => this.emit('aq-copy-link'), { signal });
  }

  /** @override @param {PeopleModel} model */
  render({ people, moderation }) {
    this.#moderation.model = moderation;
    const present = new Set(people.map((person) => person.peerId));
    for (const [id, item] of this.#items) {
      if (present.has(id)) continue;
      item.element.remove();
      this.#items.delete(id);
    }
    for (const person of people) {
      let item = this.#items.get(person.peerId);
      if (!item) {
        item = new PersonItem();
        this.#items.set(person.peerId, item);
        this.#list.append(item.element);
      }
      item.show(person, moderation.may && !person.self);
    }
  }
}

/** One line of the list. */
class PersonItem {
  #avatar = h('span', { class: 'avatar', 'aria-hidden': 'true' });
  #name = h('span', { class: 'person-name', dir: 'auto' });
  #note = h('span', { class: 'person-note' });
  #hand = mark('hand', t('tile.hand'));
  #lost = mark('lost', t('tile.lost'));
  #qualityText = h('span', { class: 'sr-only' });
  #quality = h('span', { class: 'quality', 'data-testid': 'person-quality' }, h('i'), h('i'), h('i'), h('i'), this.#qualityText);
  #microphone = mark('microphone-off', t('tile.microphone-off'));
  #camera = mark('camera-off', t('tile.camera-off'));
  #menu = new AqPersonMenu();
  element = h('li', { class: 'person', 'data-testid': 'person' }, this.#avatar, h('span', { class: 'person-text' }, this.#name, this.#note), this.#hand, this.#lost, this.#quality, this.#microphone, this.#camera, this.#menu);

  /** @param {Person} person @param {boolean} moderate  the menu is there */
  show(person, moderate) {
    this.#menu.hidden = !moderate;
    if (moderate) this.#menu.model = person;
    setAttribute(this.element, 'data-peer-id', person.peerId);
    setAttribute(this.element, 'data-speaking', person.speaking);
    this.#avatar.className = `avatar hue-${hueOf(person.peerId || person.name)}`;
    setText(this.#avatar, initials(person.name));
    setText(this.#name, person.name);
    setText(this.#note, noteOf(person));
    this.#hand.hidden = !person.hand;
    this.#lost.hidden = !person.lost;
    this.#quality.hidden = !isPoor(person);
    const quality = isPoor(person) ? t('tile.quality', { quality: qualityText(person.quality) }) : '';
    setAttribute(this.#quality, 'data-score', person.quality);
    setAttribute(this.#quality, 'title', quality || null);
    setText(this.#qualityText, quality);
    this.#microphone.hidden = person.microphone;
    this.#camera.hidden = person.camera;
  }
}

/** @param {Person} person */
function noteOf(person) {
  const words = person.self ? [t('people.you')] : [];
  if (person.moderator) words.push(t('people.moderator'));
  if (person.muted.includes('microphone')) words.push(t('people.microphone-forbidden'));
  if (person.muted.includes('camera')) words.push(t('people.camera-forbidden'));
  return enumeration(words);
}

/** @param {import('./icons.js').IconName} name @param {string} words */
function mark(name, words) {
  return h('span', { class: `mark mark-${name}`, title: words }, icon(name), h('span', { class: 'sr-only' }, words));
}

customElements.define('aq-people', AqPeople);
