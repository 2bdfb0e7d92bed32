/** Dragging the self view to another corner. */

/** A finger that only taps moves so far. */
const SLACK = 6;

/**
 * Follows a pointer from its press to its release.
 *
 * @param {PointerEvent} down
 * @param {HTMLElement} element
 * @param {(dx: number, dy: number) => void} onMove
 * @param {() => void} onDrop  only if it has moved
 */
export function drag(down, element, onMove, onDrop) {
  const end = new AbortController();
  const { signal } = end;
  let moved = false;
  element.setPointerCapture(down.pointerId);
  element.addEventListener(
    'pointermove',
    (event) => {
      const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
      moved ||= Math.hypot(dx, dy) > SLACK;
      if (moved) onMove(dx, dy);
    },
    { signal },
  );
  for (const type of /** @type {const} */ (['pointerup', 'pointercancel'])) {
    element.addEventListener(
      type,
      () => {
        end.abort();
        if (moved) onDrop();
      },
      { signal },
    );
  }
}
