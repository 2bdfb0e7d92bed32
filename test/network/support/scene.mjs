// What the scenarios in the lab share.

import test from 'node:test';
import { scenario } from '../../browser/support/stage.mjs';
import { unusable } from './lab.mjs';

/** Whether everything runs, or the short form. */
export const full = process.env.NETWORK === 'full';

/** How often a cheap case is repeated. */
export const runs = full ? 3 : 1;

const why = unusable();

/** @param {string} name @param {(stage: import('../../browser/support/stage.mjs').Stage) => Promise<void>} play @param {number} seconds */
export function inTheLab(name, play, seconds) {
  if (why) test(name, { skip: why }, () => {});
  else scenario(name, play, { timeout: seconds * 1000 });
}

/** Lets time go by under a fault: that is the test. @param {number} ms */
export const pass = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
