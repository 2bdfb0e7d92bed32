/** Figures, times and lists as the chosen language writes them. No DOM. */

import { directionOf } from './languages.js';

/** Letters of Hebrew, Arabic and their neighbours. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/u;
/** Where the comma is another one. */
const COMMAS = new Map([['ar', '، '], ['ja', '、'], ['zh', '、']]);

let locale = 'en';
/** Making a formatter takes longer than using it. @type {Map<string, any>} */
const formatters = new Map();

/** To be called by i18n.js alone. @param {string} tag */
export function setLocale(tag) {
  locale = tag;
  formatters.clear();
}

/**
 * @template T
 * @param {new (locale: string, options: any) => T} Formatter
 * @param {object} options
 * @returns {T}
 */
function formatter(Formatter, options) {
  const key = `${Formatter.name} ${JSON.stringify(options)}`;
  let found = formatters.get(key);
  if (!found) formatters.set(key, (found = new Formatter(locale, options)));
  return found;
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] @returns {string} */
export function number(value, options = {}) {
  return formatter(Intl.NumberFormat, options).format(value);
}

/** @param {number} share  from 0 to 1 @returns {string} */
export function percent(share) {
  return number(share, { style: 'percent', maximumFractionDigits: 1 });
}

/** Hours and minutes. @param {Date} date @returns {string} */
export function time(date) {
  return formatter(Intl.DateTimeFormat, { hour: '2-digit', minute: '2-digit' }).format(date);
}

/** A day, for example "November 23". @param {Date} date @returns {string} */
export function day(date) {
  return formatter(Intl.DateTimeFormat, { month: 'long', day: 'numeric' }).format(date);
}

/**
 * A day as people speak of it: "today", "yesterday", "Monday", "November 23".
 *
 * @param {Date} date
 * @param {Date} now
 * @returns {string}
 */
export function relativeDay(date, now) {
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days === 0 || days === 1) return formatter(Intl.RelativeTimeFormat, { numeric: 'auto' }).format(-days, 'day');
  if (days > 1 && days < 7) return formatter(Intl.DateTimeFormat, { weekday: 'long' }).format(date);
  return day(date);
}

/** @param {Date} date */
function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** @param {number} ms @returns {string} for example "23 ms" */
export function milliseconds(ms) {
  return unit(ms, 'millisecond', 0);
}

/** @param {number} count of bytes @returns {string} for example "1.4 MB" */
export function bytes(count) {
  if (count < 1000) return unit(count, 'byte', 0);
  if (count < 1e6) return unit(count / 1e3, 'kilobyte', 0);
  return count < 1e9 ? unit(count / 1e6, 'megabyte', 1) : unit(count / 1e9, 'gigabyte', 1);
}

/** @param {number} bitsPerSecond @returns {string} for example "640 kb/s" */
export function bitrate(bitsPerSecond) {
  if (bitsPerSecond < 1e6) return unit(bitsPerSecond / 1e3, 'kilobit-per-second', 0);
  return unit(bitsPerSecond / 1e6, 'megabit-per-second', 1);
}

/** @param {number} value @param {string} name of CLDR @param {number} digits after the point, at most */
function unit(value, name, digits) {
  return number(value, { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: digits });
}

/** Names, each of them isolated. @param {readonly string[]} items @returns {string} for example "Ann, Bob, and Carol" */
export function list(items) {
  return formatter(Intl.ListFormat, { type: 'conjunction' }).format(items.map(isolated));
}

/** Without an "and": "muted, hand raised". Of Intl.ListFormat Chinese would get no comma at all. @param {readonly string[]} items @returns {string} */
export function enumeration(items) {
  return items.join(COMMAS.get(base()) ?? ', ');
}

/** Keeps a name of the other direction from turning the sentence around it (UAX #9, isolates). @param {string} value @returns {string} */
export function isolated(value) {
  return directionOf(base()) === 'rtl' || RIGHT_TO_LEFT.test(value) ? `\u2068${value}\u2069` : value;
}

/** The language without its region. */
function base() {
  return locale.toLowerCase().split('-')[0];
}
