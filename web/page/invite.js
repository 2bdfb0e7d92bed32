/**
 * The token of an invitation: taken out of the address at once, so that nobody
 * passes it on with the link, and kept for this tab alone.
 */

import { sessionStorageIfAllowed } from './preferences.js';

const KEY = 'aq-invite';

export class Invite {
  #storage;
  #token = '';

  /**
   * @param {Pick<Storage, 'getItem'|'setItem'>|undefined} storage  of this tab
   */
  constructor(storage) {
    this.#storage = storage;
    try {
      this.#token = storage?.getItem(KEY) ?? '';
    } catch {
      // Not allowed: the token then lasts until the page is loaded again.
    }
  }

  /** Empty: there is none. @returns {string} */
  get token() {
    return this.#token;
  }

  /**
   * Takes the token out of the page's address.
   *
   * @param {{href: string}} location
   * @param {{replaceState: (data: any, unused: string, url: string|URL) => void}} history
   */
  take(location, history) {
    const url = new URL(location.href);
    const token = url.searchParams.get('token');
    if (token === null) return;
    url.searchParams.delete('token');
    history.replaceState(null, '', url);
    if (token === '') return;
    this.#token = token;
    try {
      this.#storage?.setItem(KEY, token);
    } catch {
      // As above.
    }
  }

  /**
   * What a WebSocket is opened with: a page can set no headers, and what stands
   * in an address ends up in the logs of proxies.
   *
   * @returns {string[]}
   */
  get subprotocols() {
    return this.#token ? ['aq', `bearer.${this.#token}`] : [];
  }
}

/** That of this page: start.js has it take the token before anything is shown. */
export const invite = new Invite(sessionStorageIfAllowed());
