// Whether everything that can be worked on the page is reached by keyboard, and is seen to be.

/** What walks inside of a part of the page that is one stop for the Tab key. */
const ARROWS = ['ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowLeft'];

/**
 * Walks through the page as it is now, from every element that was reached by Tab and, within
 * what the arrows walk through, by those. Leaves the focus where it was.
 *
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string[]>} what cannot be reached or does not show the focus, one line each
 */
export async function keyboardFaults(page) {
  // A list of suggestions has the keys until one is chosen.
  if (await page.locator('[role="listbox"]').isVisible()) return [];
  const inMenu = await page.evaluate(begin);
  /** What was reached and not yet gone on from, by number. @type {number[]} */
  const open = [];
  const go = async (/** @type {string} */ key) => {
    await page.keyboard.press(key);
    const reached = await page.evaluate(note);
    if (reached !== null) open.push(reached);
  };
  // What has the focus now may have got it by the mouse: it is to be reached like all others.
  await go(inMenu ? ARROWS[0] : 'Tab');
  if (open.length === 0 && !inMenu) await go('Tab');
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const key of ['Tab', ...ARROWS]) {
      if (await page.evaluate(goTo, { from, arrow: key !== 'Tab' })) await go(key);
      // Past the end of the page the browser has its turn.
      if (key === 'Tab' && (await page.evaluate(() => document.activeElement === document.body))) await go(key);
    }
  }
  return page.evaluate(end);
}

/** Finds out what can be worked: in what lies above the rest, if something does. @returns {boolean} whether that is a menu */
function begin() {
  const workable = 'a[href], button, input, select, textarea, summary, [role="button"], [role="slider"], [role="tab"]';
  const menu = document.querySelector('.menu:not([hidden])');
  const within = menu ?? document.querySelector('dialog:modal') ?? document.body;
  const shown = [...within.querySelectorAll(workable)].filter((e) => {
    const { width, height } = e.getBoundingClientRect();
    if (width === 0 || height === 0 || !e.checkVisibility({ visibilityProperty: true }) || e.matches(':disabled') || e.closest('[inert]')) return false;
    // Of those that belong together one is reached, and the arrows choose.
    return !(e instanceof HTMLInputElement) || e.type !== 'radio' || e.checked;
  });
  window.__keyboard = { menu: menu !== null, shown: new Set(shown), reached: [], unseen: [], before: document.activeElement };
  return menu !== null;
}

/** Notes what has the focus now. @returns {number|null} its number, if it is new */
function note() {
  const { shown, reached, unseen, menu } = window.__keyboard;
  const now = document.activeElement;
  if (!(now instanceof HTMLElement) || now === document.body || reached.includes(now)) return null;
  if (menu && !now.closest('.menu')) return null;
  reached.push(now);
  // The focus is seen by anything that looks otherwise with it, of the element or of what it lies in.
  const look = () => {
    const looks = [];
    for (let e = /** @type {Element|null} */ (now), i = 0; e && i < 4; e = e.parentElement, i++) {
      const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor, backgroundColor, opacity } = getComputedStyle(e);
      looks.push(outlineStyle === 'none' ? '' : `${outlineWidth} ${outlineColor}`, boxShadow, borderColor, backgroundColor, opacity);
    }
    return looks.join();
  };
  const focused = look();
  if (!shown.has(now)) return reached.length - 1;
  if (!menu) {
    now.blur();
    if (look() === focused) unseen.push(now);
    now.focus();
  } else if (getComputedStyle(now).outlineStyle === 'none') unseen.push(now);
  return reached.length - 1;
}

/** Goes back to an element. @param {{from: number, arrow: boolean}} step @returns {boolean} whether that key leads on from there */
function goTo({ from, arrow }) {
  const { reached, menu } = window.__keyboard;
  const element = reached[from];
  if (arrow ? !element.closest('[role="menu"], [role="log"], aq-stage [role="list"]') : menu) return false;
  element.focus();
  return document.activeElement === element;
}

/** @returns {string[]} */
function end() {
  const { shown, reached, unseen, before } = window.__keyboard;
  if (before instanceof HTMLElement) before.focus();
  const name = (/** @type {Element} */ e) => `${e.localName} ${e.getAttribute('data-testid') ?? e.className} "${(e.getAttribute('aria-label') ?? e.textContent ?? '').trim().slice(0, 40)}"`;
  const missed = [...shown].filter((e) => !reached.includes(/** @type {HTMLElement} */ (e)) && e.isConnected);
  return [...missed.map((e) => `not reached by keyboard: ${name(e)}`), ...unseen.map((e) => `does not show the focus: ${name(e)}`)];
}
