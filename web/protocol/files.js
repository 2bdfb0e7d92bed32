/** What is said of files, as messages: types and decoding. No DOM. */

/** How many bytes of a file one message of the data channel carries at most. */
export const CHUNK_BYTES = 16384;
/** Before them: the file's id and the number of the chunk, four bytes each. */
export const HEADER_BYTES = 8;

/** @typedef {{from: string, to: string, name: string, size: number, type: string, ref: string}} FileInfo */
/** @typedef {'offer'|'accept'|'progress'|'end'} FileAction */
/** @typedef {FileInfo & {action: FileAction|string, file_id: number, peer_id: string, bytes: number, reason: string}} FileEvent */
/** @typedef {FileInfo & {file_id: number, receivers: {peer_id: string, accepted: boolean, bytes: number}[]}} FileState */
/** @typedef {{file_id: number, ref: string, chunk: number, count: number}} Pull */

/** @param {unknown} v @returns {string} */
const string = (v) => (typeof v === 'string' ? v : '');
/** @param {unknown} v @returns {number} */
const whole = (v) => (Number.isSafeInteger(v) && Number(v) >= 0 ? Number(v) : 0);

/** @param {any} d @returns {FileInfo} */
function info(d) {
  return { from: string(d.from), to: string(d.to), name: string(d.name), size: whole(d.size), type: string(d.type), ref: string(d.ref) };
}

/** @param {any} d @returns {FileEvent} */
export function fileEvent(d) {
  return {
    action: string(d.action), file_id: whole(d.file_id), peer_id: string(d.peer_id), ...info(d), bytes: whole(d.bytes), reason: string(d.reason),
  };
}

/** @param {any} d @returns {FileState[]} */
export function fileStates(d) {
  return objects(d.files).map((f) => ({
    file_id: whole(f.file_id),
    ...info(f),
    receivers: objects(f.receivers).map((r) => ({ peer_id: string(r.peer_id), accepted: r.accepted === true, bytes: whole(r.bytes) })),
  }));
}

/** @param {any} d @returns {number} the size of the largest file that may be sent; 0: none may */
export const fileLimit = (d) => whole(d?.max_bytes);

/** @param {unknown} text @returns {Pull|null} */
export function pull(text) {
  try {
    const d = JSON.parse(String(text));
    const request = { file_id: whole(d.file_id), ref: string(d.ref), chunk: whole(d.chunk), count: whole(d.count) };
    return request.file_id > 0 && request.count > 0 ? request : null;
  } catch {
    return null;
  }
}

/** @param {unknown} v @returns {any[]} */
const objects = (v) => (Array.isArray(v) ? v.filter((item) => item && typeof item === 'object') : []);
