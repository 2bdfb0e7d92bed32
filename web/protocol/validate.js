/** Asks the server whether a join would be let in: GET /aq_server/validate. */

/** @typedef {{ok: true, room: string, username: string, peers: number, names: string[]}} Admission  names: of some of the people, where we may know them */
/** @typedef {{ok: false, status: number, code: string, message: string, retryAfterMs: number}} Refusal */

/**
 * `apart` asks without credentials, for which browsers keep connections of their
 * own: those over which the page was loaded may all be dead without a word, and
 * each would swallow a request.
 *
 * `token` is that of an invitation, if there is one.
 *
 * Never rejects: a server that cannot be reached is a refusal with status 0 and
 * code `unreachable`. Only an abort through the signal rejects.
 *
 * @param {string} url of the endpoint
 * @param {{room: string, username: string}} who
 * @param {{signal?: AbortSignal, apart?: boolean, token?: string, fetch?: typeof fetch}} [options]
 * @returns {Promise<Admission|Refusal>}
 */
export async function validate(url, who, options = {}) {
  const query = new URLSearchParams({ room: who.room, username: who.username });
  const get = options.fetch ?? globalThis.fetch.bind(globalThis);
  const headers = options.token ? { Authorization: `Bearer ${options.token}` } : undefined;
  try {
    const response = await get(`${url}?${query}`, { signal: options.signal, cache: 'no-store', credentials: options.apart ? 'omit' : 'same-origin', headers });
    const body = await response.json().catch(() => ({}));
    if (response.ok) {
      return {
        ok: true,
        room: String(body.room ?? who.room),
        username: String(body.username ?? who.username),
        peers: Number(body.peers) || 0,
        names: Array.isArray(body.names) ? body.names.map(String) : [],
      };
    }
    return {
      ok: false,
      status: response.status,
      code: String(body.error?.code ?? 'refused'),
      message: String(body.error?.message ?? `HTTP ${response.status}`),
      retryAfterMs: (Number(response.headers.get('Retry-After')) || 0) * 1000,
    };
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return { ok: false, status: 0, code: 'unreachable', message: 'the server cannot be reached', retryAfterMs: 0 };
  }
}
