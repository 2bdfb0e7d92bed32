/** Files that come into the chat: chosen, dropped, or pasted. */

import { t } from '../i18n/i18n.js';
import { h } from './element.js';
import { icon } from './icons.js';

export class FileDrop {
  /** The button that opens the choice. */
  button = h('button', { type: 'button', class: 'round', 'aria-label': t('file.choose'), title: t('file.choose'), 'data-testid': 'file-choose' }, icon('attach'));
  #input = h('input', { type: 'file', multiple: true, hidden: true, 'data-testid': 'file-input' });
  /** What lies over the chat while something is dragged over it. */
  veil = h('div', { class: 'drop-veil', hidden: true }, h('p', {}, icon('file'), t('file.drop')));
  #take;
  #allowed = false;

  /** @param {(files: File[]) => void} take */
  constructor(take) {
    this.#take = take;
  }

  /** Whether files may be sent now. @param {boolean} allowed */
  set allowed(allowed) {
    this.#allowed = allowed;
    this.button.hidden = !allowed;
  }

  /**
   * @param {HTMLElement} area   where files may be dropped
   * @param {HTMLElement} field  where they may be pasted
   * @param {AbortSignal} signal
   */
  listen(area, field, signal) {
    this.button.addEventListener('click', () => this.#input.click(), { signal });
    this.#input.addEventListener(
      'change',
      () => {
        this.#pass([...(this.#input.files ?? [])]);
        this.#input.value = ''; // the same one may be chosen again
      },
      { signal },
    );
    field.addEventListener('paste', (event) => this.#taken(event, event.clipboardData), { signal });
    area.addEventListener('drop', (event) => this.#dropped(event), { signal });
    area.addEventListener('dragover', (event) => this.#over(event), { signal });
    // Beside the chat nothing is taken; but the browser would open the file in place of the call.
    for (const type of ['dragover', 'drop']) addEventListener(type, (event) => hasFiles(/** @type {DragEvent} */ (event)) && event.preventDefault(), { signal });
    area.addEventListener('dragleave', (event) => area.contains(/** @type {Node|null} */ (event.relatedTarget)) || (this.veil.hidden = true), { signal });
  }

  /** To be in the document, for the browsers that want it there. */
  get input() {
    return this.#input;
  }

  /** @param {DragEvent} event */
  #over(event) {
    if (!hasFiles(event)) return;
    event.preventDefault();
    this.veil.hidden = !this.#allowed;
  }

  /** @param {DragEvent} event */
  #dropped(event) {
    this.veil.hidden = true;
    this.#taken(event, event.dataTransfer);
  }

  /** Text beside a file (a table that was copied is a picture as well) goes its usual way. @param {Event} event @param {DataTransfer|null} data */
  #taken(event, data) {
    const files = [...(data?.files ?? [])];
    if (files.length === 0 || data?.types.includes('text/plain')) return;
    event.preventDefault();
    this.#pass(files);
  }

  /** @param {File[]} files */
  #pass(files) {
    if (this.#allowed && files.length > 0) this.#take(files);
  }
}

/** @param {DragEvent} event */
function hasFiles(event) {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
