/** Chat messages that were sent, and have not been seen to come back. Pure. */

/** @typedef {import('./messages.js').ChatMessage} ChatMessage */

/**
 * Which messages must be sent again after a welcome: those that the server did
 * not get, or got and lost. What it shows as ours, and newer than what we had
 * seen, had arrived; only its echo was lost.
 *
 * @param {readonly string[]} pending
 * @param {ChatMessage[]} chat     of the welcome
 * @param {readonly string[]} us   our peer ids: the one of before and the one of now
 * @param {string} lastSeen        id of the last message that we had; empty: none
 * @returns {string[]}
 */
export function unanswered(pending, chat, us, lastSeen) {
  const arrived = chat.filter((m) => us.includes(m.from) && Number(m.id) > Number(lastSeen)).map((m) => m.message);
  return pending.filter((text) => {
    const index = arrived.indexOf(text);
    if (index >= 0) arrived.splice(index, 1);
    return index < 0;
  });
}
