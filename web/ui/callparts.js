/**
 * What a call is made of, fetched while somebody is about to join: the way in
 * does without it. All files are named here, for one found in another would
 * come one after the other.
 */

/**
 * @typedef {object} CallParts
 * @property {typeof import('./stage.js').AqStage} AqStage
 * @property {typeof import('./controls.js').AqControls} AqControls
 * @property {typeof import('./people.js').AqPeople} AqPeople
 */

/** @type {CallParts|null} */
let loaded = null;
/** @type {Promise<CallParts>|null} */
let loading = null;

/** What is there already. @returns {CallParts|null} */
export function callParts() {
  return loaded;
}

/** @returns {Promise<CallParts>} rejects when the network is gone; may be called again */
export function loadCallParts() {
  loading ??= fetchParts();
  loading.catch(() => (loading = null));
  return loading;
}

async function fetchParts() {
  const [{ AqStage }, { AqControls }, { AqPeople }] = await Promise.all([
    import('./stage.js'),
    import('./controls.js'),
    import('./people.js'),
    import('./arrangement.js'),
    import('./drag.js'),
    import('./layout.js'),
    import('./moderation.js'),
    import('./order.js'),
    import('./personmenu.js'),
    import('./stall.js'),
    import('./tile.js'),
    import('./voices.js'),
  ]);
  loaded = { AqStage, AqControls, AqPeople };
  return loaded;
}
