/** Turns what happens in a room into short notices, and into what follows from it for our own devices. */

import { enumeration } from '../i18n/format.js';
import { t } from '../i18n/i18n.js';
import { backText, mentions, namesDid } from '../ui/text.js';
import { errorText } from '../ui/words.js';
import { moderatedText, obey, permissionTexts } from './discipline.js';

/** @typedef {import('./page.js').Page} Page */
/** @typedef {import('../sessionstate.js').Notice} Notice */

/** A class that comes in at once is one notice, not thirty. */
const GATHER_MS = 300;
/** Reactions come in showers. */
const REACTIONS_MS = 1200;
/** More of them are counted, not read aloud. */
const MOST_REACTIONS = 4;
/** What is read aloud of a message. */
const READ_ALOUD = 200;

export class Notices {
  #page;
  /** Loaded with the first of them. @type {Promise<import('./sounds.js').Sounds>|null} */
  #sounds = null;
  /** @type {{joined: string[], left: string[]}} */
  #gathered = { joined: [], left: [] };
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  /** @type {Set<string>} to be read aloud */
  #reacted = new Set();
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #reactedTimer;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {Notice} notice */
  add(notice) {
    const { session } = this.#page;
    switch (notice.kind) {
      case 'joined':
      case 'left':
        this.#gathered[notice.kind].push(notice.name);
        this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
        break;
      case 'hand':
        this.#show({ text: t('notice.hand', { name: notice.name }) });
        this.#play('hand');
        break;
      case 'screen':
        this.#show({ text: t('notice.screen', { name: notice.name }) });
        break;
      case 'knock': {
        const run = () => session.admit({ peer_id: notice.peerId, admit: true });
        this.#show({ text: t('notice.knock', { name: notice.name }), action: { label: t('moderation.admit'), run }, id: `knock-${notice.peerId}` });
        this.#play('knock');
        break;
      }
      case 'told':
        this.#show({ text: notice.text, stays: true });
        break;
      case 'back':
        this.#show({ text: backText(notice.what, notice.awayMs), id: 'back' });
        break;
      case 'error':
        this.#show({ text: errorText(notice.error.code, notice.error.message), kind: 'error' });
        break;
      case 'moderated':
        this.#moderated(notice.told);
        break;
      case 'permissions':
        if (!notice.now.publish.includes('screen')) this.#page.local.stopScreen();
        for (const text of permissionTexts(notice.before, notice.now)) this.#show({ text });
        break;
      case 'reactions':
        this.#reactions(notice.reactions);
        break;
      case 'chat':
        this.#chat(notice.message);
        break;
      case 'file':
        this.#file(notice.transfer);
    }
  }

  /** @param {import('../ui/toasts.js').Toast} toast */
  #show(toast) {
    this.#page.app.toasts.show(toast);
  }

  /** @param {Parameters<import('./sounds.js').Sounds['play']>[0]} tone */
  async #play(tone) {
    this.#sounds ??= import('./sounds.js').then(({ Sounds }) => new Sounds(this.#page));
    await this.#sounds.then((sounds) => sounds.play(tone)).catch(() => undefined);
  }

  /** @param {import('../protocol/moderation.js').Moderated} told */
  #moderated(told) {
    if (told.action === 'mute' && told.source) obey([told.source], this.#page.local);
    const text = moderatedText(told);
    if (text) this.#show({ text, stays: true, id: `moderated-${told.source}` });
  }

  /** @param {import('../protocol/messages.js').ChatMessage} message */
  #chat({ username, message, to }) {
    const { app, session, view, draw } = this.#page;
    const { room } = session.state;
    const mentioned = mentions(message, room.username, [...room.peers.values()].map((peer) => peer.username));
    const looking = view.panel === 'chat' && !document.hidden;
    if (mentioned || to !== '') this.#play('mention');
    else if (!looking) this.#play('chat');
    if (looking) return;
    const text = t(to !== '' ? 'chat.announce-private' : mentioned ? 'chat.announce-mention' : 'chat.announce', { name: username, text: message.slice(0, READ_ALOUD) });
    if (to === '' && !mentioned) {
      view.unread += 1;
      if (view.panel !== 'chat') app.announce(text);
      draw();
    } else {
      this.#unread(text);
    }
  }

  /** @param {import('../media/filechannel.js').Transfer} transfer  that somebody offers us */
  #file({ from, name }) {
    const { session, view } = this.#page;
    this.#play('mention');
    if (view.panel === 'chat' && !document.hidden) return;
    this.#unread(t('file.announce', { name: session.state.room.peers.get(from)?.username ?? '', file: name }));
  }

  /** Something in the chat that waits for this person. @param {string} text */
  #unread(text) {
    const { app, view, draw } = this.#page;
    view.unread += 1;
    const run = () => app.dispatchEvent(new CustomEvent('aq-panel', { detail: 'chat' }));
    this.#show({ text, ...(view.panel !== 'chat' && { action: { label: t('chat.open'), run } }), id: 'mention' });
    draw();
  }

  /** @param {import('../protocol/messages.js').Reaction[]} reactions */
  async #reactions(reactions) {
    const { showReactions } = await import('../ui/reactions.js');
    const { app, session } = this.#page;
    const { room } = session.state;
    const named = reactions.flatMap(({ peer_id: id, emoji }) => {
      const name = id === room.peerId ? t('people.you') : room.peers.get(id)?.username;
      return name ? [{ key: `${id}:camera`, name, emoji }] : [];
    });
    if (app.call.stage) showReactions(app.call.stage, named);
    for (const { name, emoji } of named) this.#reacted.add(`${name}: ${emoji}`);
    this.#reactedTimer ??= setTimeout(() => this.#announceReactions(), REACTIONS_MS);
  }

  /** What many do at once is said in one go. */
  #announceReactions() {
    this.#reactedTimer = undefined;
    const all = [...this.#reacted];
    this.#reacted.clear();
    const others = all.length - MOST_REACTIONS;
    const said = others > 0 ? [...all.slice(0, MOST_REACTIONS), t('notice.others', { n: others })] : all;
    this.#page.app.announce(enumeration(said));
  }

  #flush() {
    this.#timer = undefined;
    const { joined, left } = this.#gathered;
    this.#gathered = { joined: [], left: [] };
    if (joined.length > 0) this.#show({ text: namesDid(joined, 'joined') });
    if (left.length > 0) this.#show({ text: namesDid(left, 'left') });
    this.#play(joined.length > 0 ? 'joined' : 'left');
  }
}
