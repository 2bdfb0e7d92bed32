/** What a close code means: whether to come back, and the words for a person. */

/**
 * @typedef {object} Ending
 * @property {string} code    stable, for tests and styles
 * @property {string} title
 * @property {string} text
 * @property {boolean} rejoin whether trying again makes sense
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
 * @param {number} code
 * @param {string} reason
 * @returns {Ending}
 */
export function endingOf(code, reason) {
  switch (code) {
    case 1000:
      return { code: 'left', title: 'You left the room', text: 'Come back whenever you like.', rejoin: true };
    case 1008:
      return {
        code: 'limit',
        title: 'The server ended this connection',
        text: `This page sent more than the server allows (${reason || 'limit'}). You can join again.`,
        rejoin: true,
      };
    case 1013:
      return { code: 'full', title: 'The room is full', text: 'The last place went just now. Try again in a moment.', rejoin: true };
    case 4001:
      return { code: 'expired', title: 'Your invitation has expired', text: 'Ask for a new link to this room.', rejoin: false };
    case 4003:
      if (reason === 'refused') return { code: 'refused', title: 'You were not let in', text: 'The moderators of this room did not let you in.', rejoin: false };
      if (reason === 'locked') return { code: 'room_locked', title: 'The room is locked', text: 'Nobody new is let in at the moment.', rejoin: true };
      return { code: 'removed', title: 'You were removed from the room', text: 'A moderator ended your visit.', rejoin: false };
    case 4009:
      return {
        code: 'replaced',
        title: 'You are in this room in another window',
        text: 'Your place moved there. You can join once more from this window.',
        rejoin: true,
      };
    default:
      return {
        code: 'fault',
        title: 'The connection ended',
        text: `The server closed the connection (code ${code}). You can join again.`,
        rejoin: true,
      };
  }
}

/**
 * The words for a join that the server refuses.
 *
 * @param {import('./validate.js').Refusal} refusal
 * @returns {Ending}
 */
export function endingOfRefusal(refusal) {
  const rejoin = true;
  switch (refusal.code) {
    case 'unreachable':
      return { code: refusal.code, title: 'The server cannot be reached', text: 'Check your network connection, then try again.', rejoin };
    case 'websocket_blocked':
      return {
        code: refusal.code,
        title: 'The connection could not be opened',
        text: 'The server answers, but something between you and it (a proxy or a filter) does not let WebSocket connections through.',
        rejoin,
      };
    case 'room_full':
      return { code: refusal.code, title: 'The room is full', text: 'Everyone who fits is inside already. Try again in a moment.', rejoin };
    case 'server_full':
    case 'too_many_rooms':
      return { code: refusal.code, title: 'The server is full', text: 'It cannot take more people at the moment. Try again soon.', rejoin };
    case 'token_required':
      return { code: refusal.code, title: 'You need an invitation', text: 'Open the link that you were sent, or ask for one.', rejoin };
    case 'token_invalid':
      return {
        code: refusal.code,
        title: 'Your invitation does not open this room',
        text: 'It may have expired, or be for another room. Ask for a new link.',
        rejoin,
      };
    case 'room_locked':
      return { code: refusal.code, title: 'The room is locked', text: 'Nobody new is let in at the moment.', rejoin };
    case 'removed':
      return { code: refusal.code, title: 'You were removed from the room', text: 'You cannot come back into this room.', rejoin: false };
    case 'draining':
      return { code: refusal.code, title: 'The server is restarting', text: 'It will be back in a moment.', rejoin };
    default:
      return { code: refusal.code, title: 'You cannot join', text: sentence(refusal.message) || 'The server refused the connection.', rejoin };
  }
}

/**
 * Makes a server's lower-case reason a sentence.
 *
 * @param {string} text
 * @returns {string}
 */
export function sentence(text) {
  const trimmed = text.trim();
  if (trimmed === '') return '';
  const capital = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : capital + '.';
}
