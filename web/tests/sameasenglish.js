/**
 * Texts that a language may say as English does, by its code: words it has
 * taken over, and patterns. `all` holds for every language.
 *
 * @type {Record<string, string[]>}
 */
export default {
  all: ['keys.name.escape', 'common.unknown', 'problem.one-of-two', 'problem.notice', 'moderation.about'],
  fr: ['controls.chat', 'stage.label', 'stage.pages', 'chat.title', 'chat.messages', 'chat.input', 'switch.soundChat', 'statistics.codec'],
  es: ['controls.chat', 'chat.title'],
  pt: ['controls.chat', 'chat.title', 'picture.tile', 'statistics.codec'],
  it: ['controls.chat', 'chat.title', 'check.browser', 'check.server', 'picture.tile', 'statistics.codec'],
  pl: ['people.moderator'],
  de: ['statistics.codec', 'controls.chat', 'chat.title', 'moderation.title'],
};
