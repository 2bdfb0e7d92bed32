/** A file in the chat: offered, on its way, there, or what became of it. */

import { bytes, percent, time } from '../i18n/format.js';
import { hasText, t } from '../i18n/i18n.js';
import { AqElement, h, setAttribute, setText } from './element.js';
import { icon } from './icons.js';

/** @typedef {import('../media/filechannel.js').Transfer} Transfer */
/** `names` by peer id, also of those who are gone. @typedef {{transfer: Transfer, names: ReadonlyMap<string, string>, limit: number}} TransferModel */

/** Reasons that mean the same to a person. @type {Record<string, string>} */
const SAME = { not_permitted: 'forbidden' };

/** @extends {AqElement<TransferModel>} */
export class AqTransfer extends AqElement {
  #author = h('span', { class: 'message-name', dir: 'auto' });
  #privateText = h('span', {});
  #private = h('span', { class: 'message-private', hidden: true }, icon('lock'), this.#privateText);
  #picture = h('img', { class: 'transfer-picture', hidden: true, 'data-testid': 'file-picture' });
  #name = h('span', { class: 'transfer-name', dir: 'auto', 'data-testid': 'file-name' });
  #size = h('span', { class: 'transfer-size' });
  #status = h('p', { class: 'transfer-status', 'data-testid': 'file-status' });
  #progress = h('progress', { hidden: true });
  #accept = h('button', { type: 'button', class: 'button primary small', 'data-testid': 'file-accept' }, t('file.accept'));
  #refuse = h('button', { type: 'button', class: 'button small', 'data-testid': 'file-refuse' }, t('file.refuse'));
  #cancel = h('button', { type: 'button', class: 'button small', 'data-testid': 'file-cancel' }, t('file.cancel'));
  #save = h('a', { class: 'button small', 'data-testid': 'file-save' }, t('file.save'));
  #remove = h('button', { type: 'button', class: 'button quiet small', 'data-testid': 'file-remove' }, t('file.remove'));
  /** Of the blob, as long as this is shown. */
  #url = '';
  #said = '';

  /** @override */
  build() {
    setAttribute(this, 'data-testid', 'file');
    this.append(
      h('div', { class: 'message-head' }, this.#author, this.#private, h('time', { class: 'message-time' }, time(new Date()))),
      h(
        'div',
        { class: 'transfer' },
        this.#picture,
        h('p', { class: 'transfer-head' }, icon('file'), this.#name, this.#size),
        this.#progress,
        this.#status,
        h('div', { class: 'transfer-buttons' }, this.#accept, this.#refuse, this.#cancel, this.#save, this.#remove),
      ),
    );
  }

  /** @override @param {AbortSignal} signal */
  listen(signal) {
    const tell = (/** @type {HTMLElement} */ button, /** @type {string} */ name) => button.addEventListener('click', () => this.emit(name, this.model?.transfer.key), { signal });
    tell(this.#accept, 'aq-file-accept');
    tell(this.#refuse, 'aq-file-cancel');
    tell(this.#cancel, 'aq-file-cancel');
    tell(this.#remove, 'aq-file-forget');
    signal.addEventListener('abort', () => this.#show(null));
  }

  /** @override @param {TransferModel} model */
  render({ transfer, names, limit }) {
    const { mine, from, to, name, size, state } = transfer;
    setAttribute(this, 'data-key', transfer.key);
    setAttribute(this, 'data-state', state);
    setText(this.#author, mine ? t('file.you') : (names.get(from) ?? ''));
    this.#private.hidden = to === '';
    setText(this.#privateText, mine ? t('chat.only-them', { name: names.get(to) ?? '' }) : t('chat.only-you'));
    setText(this.#name, name);
    setText(this.#size, bytes(size));
    setText(this.#status, statusOf(transfer, names, limit));
    this.#progress.hidden = state !== 'moving';
    this.#progress.max = size;
    this.#progress.value = transfer.bytes;
    setAttribute(this.#progress, 'aria-label', t('file.progress', { name }));
    this.#accept.hidden = this.#refuse.hidden = mine || state !== 'offered';
    this.#cancel.hidden = !(state === 'moving' || (mine && state === 'offered'));
    this.#remove.hidden = state !== 'done' && state !== 'ended';
    this.#show(state === 'ended' ? null : transfer.blob);
    this.#announce(transfer);
  }

  /** Makes the bytes something that can be saved, and a picture something to look at. @param {Blob|null} blob */
  #show(blob) {
    const transfer = this.model?.transfer;
    if ((this.#url !== '') !== (blob !== null)) {
      if (this.#url !== '') URL.revokeObjectURL(this.#url);
      this.#url = blob ? URL.createObjectURL(blob) : '';
      if (blob && transfer?.image) {
        this.#picture.src = this.#url;
        this.#picture.alt = transfer.name;
      } else {
        this.#picture.removeAttribute('src');
      }
    }
    this.#picture.hidden = !this.#picture.hasAttribute('src');
    this.#save.hidden = this.#url === '' || transfer?.mine === true;
    setAttribute(this.#save, 'href', this.#url || null);
    setAttribute(this.#save, 'download', transfer?.name ?? null);
  }

  /** What changes without a hand of one's own is said. @param {Transfer} transfer */
  #announce({ state, mine, name }) {
    const before = this.#said;
    this.#said = state;
    if (before === '' || before === state || (state !== 'done' && state !== 'ended')) return;
    this.emit('aq-announce', `${name}: ${this.#status.textContent}`);
    // The button that had the focus is gone.
    if (!mine && document.activeElement === document.body) this.#remove.focus();
  }
}

/**
 * @param {Transfer} transfer
 * @param {ReadonlyMap<string, string>} names
 * @param {number} limit  bytes
 * @returns {string}
 */
function statusOf({ mine, to, state, bytes: have, size, reason, receivers }, names, limit) {
  const share = percent(Math.round((have / Math.max(size, 1)) * 100) / 100);
  const whole = receivers.filter((r) => r.state === 'done').length;
  switch (state) {
    case 'offered':
      if (!mine) return t('file.offered');
      return to === '' ? t('file.waiting') : t('file.waiting-one', { name: names.get(to) ?? '' });
    case 'moving':
      return mine ? t('file.sending', { share }) : t('file.receiving', { share });
    case 'done':
      return mine ? t('file.arrived', { n: whole }) : t('file.received');
    default: {
      const key = `file.ended.${SAME[reason] ?? reason}`;
      return hasText(key) ? t(key, { size: bytes(limit) }) : t('file.ended.lost');
    }
  }
}

customElements.define('aq-transfer', AqTransfer);
