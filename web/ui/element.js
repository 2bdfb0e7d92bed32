/** The small base that all elements share. */

/**
 * Makes an element. Text children become text nodes, so that no text is ever
 * read as markup.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string|number|boolean|null|undefined>} [attributes]
 *   true: present without value; false, null and undefined: absent
 * @param {...(Node|string|null|undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string|number|boolean|null|undefined} value as for `h`
 */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = value === true ? '' : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Changes a text only if it differs: live regions speak at each change. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Whether the page's address asks to leave a part of the call out.
 *
 * @param {string} part  one of PARTS in page/parameters.js
 */
export function leftOut(part) {
  return document.documentElement.dataset.hide?.split(' ').includes(part) ?? false;
}

/**
 * A custom element that builds its children once, renders a model and undoes
 * its listeners when it leaves the document.
 *
 * @template M
 */
export class AqElement extends HTMLElement {
  /** @type {M|null} */
  #model = null;
  #built = false;
  /** @type {AbortController|null} */
  #listening = null;

  connectedCallback() {
    if (!this.#built) {
      this.#built = true;
      this.build();
    }
    this.#listening = new AbortController();
    this.listen(this.#listening.signal);
    if (this.#model !== null) this.render(this.#model);
  }

  disconnectedCallback() {
    this.#listening?.abort();
  }

  /** What is shown. @returns {M|null} */
  get model() {
    return this.#model;
  }

  set model(model) {
    this.#model = model;
    if (this.#built && this.isConnected && model !== null) this.render(model);
  }

  /** Makes the children, once. */
  build() {}

  /** Adds listeners; all end with the signal. @param {AbortSignal} _signal */
  listen(_signal) {}

  /** Shows the model. @param {M} _model */
  render(_model) {}

  /**
   * Tells whoever contains this element; nobody below main.js acts on the room itself.
   *
   * @param {string} name
   * @param {unknown} [detail]
   */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }
}
