/** Joins embedding.js to the page: what a site may ask for is done as if the person had done it. */

import { Embedding, embedOrigins } from './embedding.js';
import { forThisVisit } from './preferences.js';

/**
 * @param {import('./page.js').Page} page
 * @param {import('./parameters.js').Parameters} parameters
 * @returns {() => void} to be called when something has changed
 */
export function startEmbedding({ app, session, local, preferences, draw }, parameters) {
  /** @param {string} name @param {unknown} [detail] */
  const act = (name, detail) => app.dispatchEvent(new CustomEvent(name, { detail }));
  const snapshot = () => {
    const { phase, ending, room, hand } = session.state;
    return { phase, ending, room, on: { ...local.state.on, hand } };
  };
  /** @type {import('./embedding.js').Actions} */
  const actions = {
    join({ room, username }, { microphone, camera }) {
      forThisVisit(preferences, {
        ...(microphone !== undefined && { wantMicrophone: microphone }),
        ...(camera !== undefined && { wantCamera: camera }),
      });
      const who = { room: room ?? parameters.room ?? preferences.room, username: username ?? parameters.username ?? preferences.username };
      act('aq-join', { ...who, withDevices: true });
    },
    leave: () => act('aq-leave'),
    turn(what, on) {
      if (snapshot().on[what] !== on) act('aq-toggle', what);
    },
    chat: (text) => act('aq-chat', text),
    layout(layout) {
      forThisVisit(preferences, { layout });
      draw();
    },
  };
  const embedding = new Embedding(
    {
      window,
      parent: window.parent,
      origins: embedOrigins(document.documentElement.dataset.embedOrigins, location.origin),
      ancestor: location.ancestorOrigins?.[0],
    },
    actions,
  );
  embedding.ready(snapshot());
  // A link with it, opened by itself, would put its visitor on the air without a click.
  // In a frame the server's frame-ancestors has let through only sites that may ask.
  if (parameters.autojoin && session.state.phase === 'idle') actions.join({}, {});
  return () => embedding.update(snapshot());
}
