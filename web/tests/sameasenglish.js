/**
 * Texts that a language may say as English does, by its code: words it has
 * taken over, and patterns. `all` holds for every language.
 *
 * @type {Record<string, string[]>}
 */
export default {
  all: ['common.unknown', 'problem.one-of-two', 'problem.notice', 'moderation.about'],
  de: ['keys.name.escape', 'statistics.codec', 'controls.chat', 'chat.title', 'moderation.title'],
};
