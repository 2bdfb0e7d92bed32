/** What stands in each menu of the call. */

import { t } from '../i18n/i18n.js';
import { leftOut } from './element.js';
import { ENTRIES as DEEDS } from './personmenu.js';

/** @typedef {import('./menu.js').Entry} Entry */
/** @typedef {import('./menu.js').Menu} Menu */
/** @typedef {import('./call.js').CallViewModel} CallViewModel */
/** @typedef {'microphone'|'camera'|'screen'|'layout'|'reactions'|'more'} MenuName  besides `tile:` and the key of a tile */

/** @type {readonly {emoji: string, id: 'yes'|'applause'|'heart'|'laughing'|'surprised'|'party'}[]} */
const REACTIONS = [
  { emoji: '👍', id: 'yes' },
  { emoji: '👏', id: 'applause' },
  { emoji: '❤️', id: 'heart' },
  { emoji: '😂', id: 'laughing' },
  { emoji: '😮', id: 'surprised' },
  { emoji: '🎉', id: 'party' },
];

/**
 * @param {string} name
 * @param {CallViewModel} model
 * @param {readonly Entry[]} hidden  what the row of buttons has no room for
 * @returns {Menu|null} null: there is no such menu any more
 */
export function menuOf(name, model, hidden) {
  if (name.startsWith('tile:')) return tileMenu(name.slice('tile:'.length), model);
  switch (name) {
    case 'microphone':
      return { name, label: t('menus.microphone'), entries: [...devices('microphone', model), ...devices('speaker', model), ...settings()] };
    case 'camera':
      return { name, label: t('menus.camera'), entries: [...devices('camera', model), ...settings()] };
    case 'screen':
      return { name, label: t('menus.screen'), entries: screen(model) };
    case 'layout':
      return { name, label: t('menus.layout'), entries: layoutEntries(model) };
    case 'reactions':
      return { name, label: t('menus.reactions'), row: true, entries: REACTIONS.map(({ emoji, id }) => ({ id: `react-${id}`, label: emoji, name: t(`reaction.${id}`), event: 'aq-react', detail: emoji })) };
    default:
      return { name, label: t('menus.more'), entries: more(model, hidden) };
  }
}

/** @param {'microphone'|'camera'|'speaker'} kind @param {CallViewModel} model @returns {Entry[]} */
function devices(kind, { devices: { devices, chosen, canRoute } }) {
  const list = { microphone: devices.microphones, camera: devices.cameras, speaker: canRoute ? devices.speakers : [] }[kind];
  if (list.length === 0) return [];
  const known = list.some((device) => device.id === chosen[kind]);
  return [
    { id: `${kind}s`, kind: 'heading', label: t(`device.${kind}`) },
    ...list.map(({ id, label }, i) => /** @type {Entry} */ ({
      id: `${kind}-${i}`,
      kind: 'radio',
      label: label || t(`device.numbered.${kind}`, { number: i + 1 }),
      on: known ? id === chosen[kind] : i === 0,
      event: 'aq-choose-device',
      detail: { kind, id },
    })),
  ];
}

/** @returns {Entry[]} */
function settings() {
  return leftOut('settings') ? [] : [{ id: 'settings', label: t('call.settings'), icon: 'settings', event: 'aq-settings' }];
}

/** @param {CallViewModel} model @returns {Entry[]} */
function screen({ call, screen: { hint, sound } }) {
  const hints = /** @type {const} */ (['detail', 'motion']).map((which) => /** @type {Entry} */ ({
    id: `screen-${which}`, kind: 'radio', label: t(`screen.${which}`), on: hint === which, event: 'aq-screen-hint', detail: which, stays: true,
  }));
  return [
    { id: 'screen-hints', kind: 'heading', label: t('screen.hint') },
    ...hints,
    { id: 'screen-with', kind: 'heading', label: t('screen.with') },
    { id: 'screen-sound', kind: 'check', label: t('screen.sound'), on: sound, event: 'aq-screen-sound', detail: !sound, stays: true },
    { id: 'screen-toggle', label: t(call.on.screen ? 'controls.screen.stop' : 'controls.screen.share'), icon: call.on.screen ? 'screen-off' : 'screen', event: 'aq-toggle', detail: 'screen' },
  ];
}

/** @param {CallViewModel} model @returns {Entry[]} */
function layoutEntries({ arrangement: { layout, selfView, corner, saving } }) {
  /** @template {string} T @param {readonly T[]} all @param {(value: T) => string} label @param {T} now @param {string} event @returns {Entry[]} */
  const radios = (all, label, now, event) => all.map((value) => ({ id: `${event.slice('aq-'.length)}-${value}`, kind: 'radio', label: label(value), on: now === value, event, detail: value, stays: true }));
  return [
    { id: 'layouts', kind: 'heading', label: t('menus.layout') },
    ...radios(/** @type {const} */ (['auto', 'grid', 'speaker']), (value) => t(`layout.${value}`), layout, 'aq-layout'),
    { id: 'self-views', kind: 'heading', label: t('self.title') },
    ...radios(/** @type {const} */ (['auto', 'float', 'hidden']), (value) => t(`self.${value}`), selfView, 'aq-self-view'),
    ...(selfView === 'float' ? [{ id: 'corner', label: t('self.move'), event: 'aq-corner', detail: nextCorner(corner), stays: true }] : []),
    { id: 'savings', kind: 'heading', label: t('saving.title') },
    { id: 'save-data', kind: 'check', label: t('saving.label'), on: saving, event: 'aq-save-data', detail: !saving, stays: true },
  ];
}

/** @param {CallViewModel} model @param {readonly Entry[]} hidden @returns {Entry[]} */
function more({ arrangement: { fullScreen, statistics }, can }, hidden) {
  return [
    ...hidden,
    ...(can.fullScreen ? [/** @type {Entry} */ ({ id: 'full-screen', kind: 'check', label: t('screenful.call'), on: fullScreen, event: 'aq-full-screen' })] : []),
    ...(can.picture ? [/** @type {Entry} */ ({ id: 'picture', label: t('picture.call'), icon: 'picture', event: 'aq-picture', detail: null })] : []),
    { id: 'statistics', kind: 'check', label: t('statistics.all'), on: statistics.has('*'), event: 'aq-statistics', detail: '*' },
    { id: 'keys', label: t('keys.title'), icon: 'keyboard', event: 'aq-keys' },
  ];
}

/** @param {string} key @param {CallViewModel} model @returns {Menu|null} */
function tileMenu(key, { call, arrangement, can }) {
  const tile = call.tiles.find((candidate) => candidate.key === key);
  if (!tile) return null;
  const { pins, maximized, statistics, selfView, corner } = arrangement;
  const mine = tile.self && tile.source === 'camera';
  /** @type {Entry[]} */
  const entries = [
    { id: 'pin', kind: 'check', label: t('tile.pin'), on: pins.includes(key), event: 'aq-pin', detail: key },
    { id: 'maximize', kind: 'check', label: t('screenful.tile'), on: maximized === key, event: 'aq-maximize', detail: key },
  ];
  if (can.picture && tile.stream) entries.push({ id: 'picture', label: t('picture.tile'), icon: 'picture', event: 'aq-picture', detail: key });
  entries.push({ id: 'statistics', kind: 'check', label: t('statistics.tile'), on: statistics.has(key) || statistics.has('*'), event: 'aq-statistics', detail: key });
  if (mine) {
    if (selfView !== 'hidden') entries.push({ id: 'self-hide', label: t('self.hide'), event: 'aq-self-view', detail: 'hidden' });
    entries.push({ id: 'self-float', kind: 'check', label: t('self.float'), on: selfView === 'float', event: 'aq-self-view', detail: selfView === 'float' ? 'auto' : 'float' });
    entries.push({ id: 'corner', label: t('self.move'), event: 'aq-corner', detail: nextCorner(corner), stays: true });
  }
  const person = call.people.find(({ peerId }) => peerId === tile.peerId);
  if (call.moderation.may && person && !person.self) {
    entries.push({ id: 'moderation', kind: 'heading', label: t('moderation.title') });
    for (const { id, shown, deed, twice } of DEEDS) {
      if (shown(person)) entries.push({ id: `do-${id}`, label: t(`menu.${id}`), event: 'aq-moderate', detail: { ...deed, peer_id: person.peerId }, twice });
    }
  }
  return { name: `tile:${key}`, label: t('tile.options', { name: tile.name }), entries };
}

/** Once around. @type {readonly import('./layout.js').Corner[]} */
const CORNERS = ['bottom-end', 'bottom-start', 'top-start', 'top-end'];

/** @param {import('./layout.js').Corner} corner */
function nextCorner(corner) {
  return CORNERS[(CORNERS.indexOf(corner) + 1) % CORNERS.length];
}
