/** What a close code, or a refusal, means. The words for it are not made here (ui/words.js). */

/**
 * @typedef {object} Ending
 * @property {string} code       stable, for tests, styles and words: one of `endingOf`, or of a refusal (docs/protocol.md)
 * @property {boolean} rejoin    whether trying again makes sense
 * @property {boolean} refused   a join was refused; otherwise a visit ended
 * @property {string} message    what the server said, in English; empty: nothing
 * @property {number} closeCode  of the WebSocket; 0: there was none
 */

/**
 * Tells whether a socket that closed with this code is to be opened again
 * without asking anybody.
 *
 * @param {number} code
 * @param {string} reason
 * @param {boolean} inside  whether the person was in the room already
 * @returns {boolean}
 */
export function comesBack(code, reason, inside) {
  switch (code) {
    case 1000:
    case 1002:
    case 1003:
    case 1007:
    case 1009:
    case 4001:
    case 4003:
    case 4009:
      return false;
    case 1008:
      return reason === 'slow consumer';
    case 1013:
      // Who was inside waits for his place: after a restart others may be faster.
      return inside;
    default:
      return true;
  }
}

/**
 * @param {number} closeCode
 * @param {string} message  the reason beside it
 * @returns {Ending}
 */
export function endingOf(closeCode, message) {
  const ending = (/** @type {string} */ code, rejoin = true) => ({ code, rejoin, refused: false, message, closeCode });
  switch (closeCode) {
    case 1000:
      return ending('left');
    case 1008:
      return ending('limit');
    case 1013:
      return ending('room_full');
    case 4001:
      return ending('expired', false);
    case 4003:
      if (message === 'refused') return ending('refused', false);
      return message === 'locked' ? ending('room_locked') : ending('removed', false);
    case 4009:
      return ending('replaced');
    default:
      return ending('fault');
  }
}

/**
 * @param {import('./validate.js').Refusal} refusal
 * @returns {Ending}
 */
export function endingOfRefusal({ code, message }) {
  return { code, rejoin: code !== 'removed', refused: true, message, closeCode: 0 };
}
