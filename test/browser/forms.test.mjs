// The forms of the page: the landing page, the way in, the settings and the chat, at four sizes.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { until } from './support/until.mjs';

const sizes = [
  { width: 1280, height: 800 },
  { width: 820, height: 1180 },
  { width: 390, height: 844 },
  { width: 844, height: 390 },
];

/** @typedef {import('./support/person.mjs').Person} Person */

/**
 * At every size, also where the text is twice as large (half the pixels) and from right to left:
 * nothing is wider than the page, and what can be hit is at least 24 by 24 (WCAG 1.4.10, 2.5.8).
 *
 * @param {Person} person
 * @param {string} state
 */
async function fits({ page }, state) {
  const halves = sizes.slice(0, 2).map(({ width, height }) => ({ width: width / 2, height: height / 2 }));
  for (const direction of ['ltr', 'rtl']) {
    await page.evaluate((dir) => (document.documentElement.dir = dir), direction);
    for (const size of [...sizes, ...halves]) {
      await page.setViewportSize(size);
      const found = await page.evaluate(async () => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        const small = [...document.querySelectorAll('button, select, summary, input, textarea, a[href]')].filter((element) => {
          const { width, height } = element.getBoundingClientRect();
          // A link within a sentence is as high as its line.
          return element.checkVisibility({ opacityProperty: true }) && width > 0 && (width < 23.5 || height < 23.5) && !element.closest('.message-text');
        });
        return { over: document.documentElement.scrollWidth - innerWidth, small: small.map((e) => e.outerHTML.slice(0, 120)) };
      });
      assert.deepEqual(found, { over: 0, small: [] }, `${state}, ${size.width}x${size.height}, ${direction}`);
    }
  }
  await page.evaluate(() => (document.documentElement.dir = 'ltr'));
  await page.setViewportSize(sizes[0]);
}

/** The data-testid of what has the focus. @param {Person} person */
const focused = ({ page }) => page.evaluate(() => document.activeElement?.getAttribute('data-testid') ?? '');

/** @param {Person} person @param {string} id */
const hasFocus = (person, id) => until(`the focus is on ${id}`, async () => (await focused(person)) === id, { seen: () => focused(person) });

/** The room in the address. @param {Person} person */
const room = ({ page }) => new URL(page.url()).searchParams.get('room');

scenario('from the landing page to a new room and back, rooms remembered and forgotten; from a link to talking in one click, or in two', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  /** @type {string[]} */
  const asked = [];
  alice.page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await alice.open(server);
  await hasFocus(alice, 'room-new');
  assert.equal(await alice.page.evaluate(() => document.querySelector('video')?.srcObject ?? null), null, 'no camera on the landing page');
  await fits(alice, 'landing');
  await alice.element('room-go').click();
  assert.match(await alice.element('room-note').innerText(), /name of a room/);
  assert.equal(await alice.element('room-input').getAttribute('aria-invalid'), 'true');
  await hasFocus(alice, 'room-input');
  assert.equal((await fetch(server.page('check'))).status, 200);
  assert.equal(await alice.element('check-link').getAttribute('href'), 'check');

  // A new room, and what one does to be in it: three actions.
  await alice.element('room-new').click(); // 1
  await hasFocus(alice, 'name-input');
  const made = room(alice) ?? '';
  assert.match(made, /^([a-z]+-){4}\d{3}$/);
  await alice.page.keyboard.type('Alice'); // 2
  await until('nobody is inside', async () => (await alice.element('inside-note').innerText()) === 'Nobody is inside yet.');
  await alice.page.keyboard.press('Enter'); // 3
  await alice.reaches('connected');
  // The browser's way back does not lead out of a call.
  await alice.page.goBack();
  await until('the address is that of the room again', () => room(alice) === made);
  assert.equal(await alice.state(), 'connected');

  // Who is inside is said, and the name is remembered: from the link to the call with one click.
  const bob = await stage.person('Bob', { colour: 'green' });
  await bob.open(server, { room: made });
  await hasFocus(bob, 'name-input');
  await until('Alice is inside', async () => (await bob.element('inside-note').innerText()) === 'Alice is inside.');
  await bob.page.keyboard.type('Bob'); // 1
  await bob.page.keyboard.press('Enter'); // 2
  await Promise.all([bob.sees('Alice', 'red'), bob.hears()]);
  await bob.leave();
  await bob.element('ended').waitFor();
  assert.equal(await bob.page.getByRole('heading', { level: 1 }).innerText(), 'You left the room');
  await hasFocus(bob, 'join-button');
  await fits(bob, 'ended');
  await bob.page.goto(server.page(`?room=${made}`));
  await hasFocus(bob, 'join-button');
  await fits(bob, 'join');
  await bob.element('join-button').click(); // 1
  await bob.sees('Alice', 'red');
  const named = await bob.context.newPage();
  await named.goto(server.page(`?room=${made}&username=Bobby`));
  await named.locator('[data-testid="join-button"]').click(); // 1
  await alice.hasOthers(['Bob', 'Bobby']);
  await named.close();

  await alice.leave();
  await alice.element('another-room').click();
  await hasFocus(alice, 'room-new');
  assert.equal(room(alice), null);
  assert.equal(await alice.page.title(), 'AQ Server');
  await alice.page.goBack();
  await alice.element('join-form').waitFor();
  assert.equal(room(alice), made);
  await alice.page.goForward();
  await alice.element('landing').waitFor();
  await alice.element('room-input').fill(server.page('?room=pasted'));
  await alice.element('room-input').press('Enter');
  await alice.element('join-form').waitFor();
  assert.equal(room(alice), 'pasted');
  assert.equal(await alice.page.title(), 'pasted – AQ Server');
  await alice.element('another-room').click();

  const recent = alice.element('recent-room');
  assert.deepEqual(await recent.locator('.recent-name').allInnerTexts(), [made], 'only where one was inside');
  assert.equal(await recent.getAttribute('href'), `?room=${made}`);
  await alice.element('recent-forget').click();
  assert.equal(await recent.count(), 0);
  await alice.page.reload();
  await alice.element('landing').waitFor();
  assert.deepEqual([await recent.count(), await alice.page.evaluate((name) => JSON.stringify(localStorage).includes(name), made)], [0, false], 'nothing of it is left');
  assert.equal(asked.some((path) => /\/ui\/settings\.js|permissionhelp/.test(path)), false, 'what nobody opens is not loaded');
});

scenario('blocked devices: how to allow them in this browser; a test sound; settings that count at once and stay', async (stage) => {
  const server = await stage.server();
  const denied = await stage.person('Denied', { ask: true, context: { userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' } });
  await denied.context.grantPermissions(['notifications']);
  await denied.open(server, { room: 'demo' });
  await denied.element('preview-start').click();
  const help = denied.element('permission-help');
  await help.waitFor();
  assert.equal(await help.getAttribute('data-browser'), 'firefox');
  assert.match(await help.innerText(), /crossed-out/);
  assert.equal(await help.locator('svg').isVisible(), true);
  await fits(denied, 'permission help');

  const alice = await stage.person('Alice', { colour: 'red' });
  await alice.page.addInitScript(() => {
    const Real = window.AudioContext;
    const heard = /** @type {{sink: string, notes: number}[]} */ ([]);
    Object.assign(window, { heard });
    window.AudioContext = class extends Real {
      sound = { sink: '', notes: 0 };
      /** @param {string} id */
      async setSinkId(id) {
        this.sound.sink = id;
      }
      createOscillator() {
        if (this.sound.notes === 0) heard.push(this.sound);
        this.sound.notes += 1;
        return super.createOscillator();
      }
    };
  });
  /** @returns {Promise<{sink: string, notes: number}[]>} */
  const heard = () => alice.page.evaluate(() => /** @type {any} */ (window).heard);
  await alice.open(server, { room: 'demo' });
  await alice.element('name-input').fill('Alice');
  await alice.sawPreview();
  const speaker = alice.element('speaker-select').first();
  const other = await speaker.locator('option').nth(1).getAttribute('value');
  await speaker.selectOption(other);
  await alice.element('speaker-test').first().click();
  await until('four notes from the chosen loudspeaker', async () => JSON.stringify(await heard()) === JSON.stringify([{ sink: other, notes: 4 }]), { seen: heard });

  await alice.element('join-settings').click();
  const settings = alice.element('settings');
  await settings.waitFor();
  assert.equal(await alice.element('rename-input').inputValue(), 'Alice');
  assert.equal(await alice.element('figures').isVisible(), false, 'there is no connection yet');
  const processing = () =>
    alice.page.evaluate(() => {
      const { echoCancellation, noiseSuppression, autoGainControl } = /** @type {any} */ (window).microphone.getSettings();
      return { echoCancellation, noiseSuppression, autoGainControl };
    });
  await alice.page.evaluate(() => {
    const meter = /** @type {any} */ (document.querySelector('aq-preview aq-meter'));
    Object.defineProperty(window, 'microphone', { get: () => meter.model.track });
  });
  assert.deepEqual(await processing(), { echoCancellation: true, noiseSuppression: true, autoGainControl: true });
  // Chromium's fake microphone knows no more than all of it and nothing of it.
  for (const name of ['noiseSuppression', 'echoCancellation', 'autoGainControl', 'mirror', 'soundChat']) {
    const box = alice.element(`switch-${name}`);
    assert.equal(await box.isChecked(), true, name);
    await box.press('Space');
  }
  await until('the open microphone follows', async () => JSON.stringify(await processing()) === JSON.stringify({ echoCancellation: false, noiseSuppression: false, autoGainControl: false }), { seen: processing });
  assert.equal(await alice.element('preview-video').evaluate((video) => getComputedStyle(video).transform), 'none');
  assert.equal(await alice.element('switch-backgroundBlur').isVisible(), false, 'this camera cannot');
  await fits(alice, 'settings');
  await alice.page.keyboard.press('Escape');
  await hasFocus(alice, 'join-settings');
  await alice.page.reload();
  await alice.sawPreview();
  assert.equal(await speaker.inputValue(), other, 'the loudspeaker is remembered');
  await alice.element('join-settings').click();
  assert.deepEqual(await Promise.all(['noiseSuppression', 'echoCancellation', 'mirror'].map((name) => alice.element(`switch-${name}`).isChecked())), [false, false, false]);
  await alice.page.keyboard.press('Escape');

  // Sounds: somebody comes, and writes; the latter was turned off.
  await alice.element('name-input').fill('Alice');
  await alice.clickJoin();
  await alice.reaches('connected');
  await denied.element('name-input').fill('Denied');
  await denied.clickJoin(true);
  await alice.hasOthers(['Denied']);
  await until('it is heard', async () => (await heard()).length === 1, { seen: heard });
  await denied.say('Hello @Alice');
  await until('it is told', async () => (await alice.notices()).some((text) => text === 'Denied mentions you: Hello @Alice'), { seen: () => alice.notices() });
  assert.deepEqual(await heard(), [{ sink: other, notes: 2 }], 'the two notes of who comes');
});

/** A picture of one pixel. */
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==', 'base64');

/**
 * A picture is chosen and taken, a file is pasted for one and refused, a large one is dropped and
 * cannot be sent.
 *
 * @param {Person} alice who writes to Bob alone
 * @param {Person} bob
 */
async function files(alice, bob) {
  await bob.closePanel();
  await alice.element('chat-input').fill('');
  await alice.element('chat-to').selectOption('');
  await alice.element('file-input').setInputFiles({ name: 'plan.png', mimeType: 'image/png', buffer: PIXEL });
  await until('Bob is told', async () => (await bob.notices()).includes('Alice offers a file: plan.png'), { seen: () => bob.notices() });
  await bob.openPanel('chat');
  const taken = bob.element('file');
  assert.equal(await bob.element('file-picture').isVisible(), false, 'nothing comes before it is taken');
  await bob.element('file-accept').press('Enter');
  await until('it has come', async () => (await taken.getAttribute('data-state')) === 'done');
  await until('it is shown', () => bob.element('file-picture').evaluate((img) => /** @type {HTMLImageElement} */ (img).naturalWidth === 1));
  assert.deepEqual([await bob.element('file-save').getAttribute('download'), /^blob:/.test((await bob.element('file-save').getAttribute('href')) ?? '')], ['plan.png', true]);
  await until('Alice knows', async () => (await alice.element('file-status').innerText()) === '1 person has it.', { seen: () => alice.element('file-status').innerText() });
  await bob.element('file-remove').click();
  await until('it is gone', async () => (await taken.count()) === 0);

  await alice.element('chat-to').selectOption({ label: 'Bob' });
  await alice.element('chat-input').evaluate((field) => {
    const data = new DataTransfer();
    data.items.add(new File(['a secret'], 'secret.txt', { type: 'text/plain' }));
    field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await bob.element('file-refuse').click();
  const last = alice.element('file').last();
  await until('it was not taken', async () => (await last.locator('[data-testid="file-status"]').innerText()) === 'Not taken');
  await alice.element('chat-form').evaluate((area) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([new Uint8Array(2_000_001)], 'film.mp4', { type: 'video/mp4' }));
    const dragged = (/** @type {string} */ type) => !area.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    if (!dragged('dragover') || !dragged('drop')) throw new Error('the browser would open it');
  });
  await until('it is too large', async () => (await last.locator('[data-testid="file-status"]').innerText()) === 'Larger than 2 MB, which is the most.', { seen: () => last.innerText() });
}

scenario('chat: for all and for one, mentions by keyboard, what is unread, copies, and nothing that goes astray', async (stage) => {
  const server = await stage.server({ FILE_MAX_BYTES: '2000000' });
  const [alice, bob, carol] = await Promise.all(['Alice', 'Bob', 'Carol'].map((name) => stage.person(name)));
  await alice.context.grantPermissions(['clipboard-write']);
  for (const person of [alice, bob, carol]) await person.join(server, 'demo', { watch: true });
  await Promise.all([alice, bob, carol].map((person) => person.hasOthers(['Alice', 'Bob', 'Carol'].filter((name) => name !== person.name))));
  await bob.say('First, mail to plan@example.org');
  await alice.reads('First, mail to plan@example.org', 'Bob');
  await alice.openPanel('chat');
  const link = alice.page.locator('[data-testid="chat-message"] a');
  assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('target'), await link.getAttribute('rel')], ['mailto:plan@example.org', '_blank', 'noopener noreferrer nofollow']);
  await alice.closePanel();

  // Two more while she does not look: a line before them, and a number until she does.
  await bob.say('Second');
  await carol.say('Third');
  await until('two are unread', async () => (await alice.element('unread-count').innerText()) === '2');
  await alice.openPanel('chat');
  const order = () => alice.page.locator('[data-testid="chat-message"], [data-testid="chat-new"]').evaluateAll((items) => items.map((item) => item.querySelector('.message-text')?.textContent ?? '|'));
  assert.deepEqual(await order(), ['First, mail to plan@example.org', '|', 'Second', 'Third']);

  // A mention, with the keyboard alone; a second line; a name that is typed to its end suggests nothing.
  await hasFocus(alice, 'chat-input');
  await alice.page.keyboard.type('Well @');
  await alice.element('mention-list').waitFor();
  assert.deepEqual(await alice.element('mention-list').locator('[role="option"]').allInnerTexts(), ['Bob', 'Carol']);
  await alice.page.keyboard.press('ArrowDown');
  assert.equal(await alice.page.evaluate(() => document.getElementById(document.activeElement?.getAttribute('aria-activedescendant') ?? '')?.textContent), 'Carol');
  await alice.page.keyboard.press('Enter');
  await alice.page.keyboard.type('yes');
  await alice.page.keyboard.press('Shift+Enter');
  await alice.page.keyboard.type('and no');
  await alice.page.keyboard.press('Enter');
  await Promise.all([carol, bob].map((other) => other.reads('Well @Carol yes\nand no', 'Alice')));
  await alice.reads('Well @Carol yes\nand no', 'Alice (you)');
  assert.deepEqual(await order(), ['First, mail to plan@example.org', 'Second', 'Third', 'Well @Carol yes\nand no'], 'who writes has read');
  assert.equal(await carol.element('chat-message').last().getAttribute('data-mentioned'), '');
  assert.equal(await bob.element('chat-message').last().getAttribute('data-mentioned'), null);

  // For Bob alone.
  await alice.element('chat-to').selectOption({ label: 'Bob' });
  assert.equal(await alice.element('chat-note').innerText(), 'Only Bob will read this.');
  await fits(alice, 'private chat');
  await alice.element('chat-input').fill('Between us');
  await alice.page.keyboard.press('Enter');
  await bob.reads('Between us', 'Alice');
  assert.match(await bob.element('chat-private').innerText(), /only for you/);
  assert.match(await alice.element('chat-private').innerText(), /only for Bob/);
  // Back to her with a click on his copy of it, and a copy of that by keyboard.
  await bob.element('chat-message').last().hover();
  await bob.element('chat-reply').last().click();
  await bob.page.keyboard.type('Of course');
  await bob.page.keyboard.press('Enter');
  await alice.reads('Of course', 'Bob');
  await alice.page.locator('.chat-scroll').focus();
  await alice.page.keyboard.press('ArrowUp');
  await alice.page.keyboard.press('Tab');
  await alice.page.keyboard.press('Tab');
  await hasFocus(alice, 'chat-copy');
  await alice.page.keyboard.press('Enter');
  await until('it is copied', async () => (await alice.notices()).includes('Copied.'), { seen: () => alice.notices() });
  await alice.element('chat-input').focus();
  await alice.page.keyboard.press('Control+V');
  assert.equal(await alice.element('chat-input').inputValue(), 'Of course');

  await files(alice, bob);

  // The language changes and Bob goes while she writes to him: it must not go to all.
  await alice.element('chat-input').fill('Secret');
  await alice.element('settings-button').click();
  await alice.element('language-select').selectOption('de');
  await until('the page is German', async () => (await alice.element('chat-note').innerText()) === 'Nur Bob wird dies lesen.');
  await alice.page.keyboard.press('Escape');
  await bob.leave();
  await until('it cannot be sent', () => alice.element('chat-send').isDisabled());
  await alice.element('chat-input').press('Enter');
  await alice.element('chat-to').selectOption('');
  await alice.element('chat-input').fill('For all');
  await alice.page.keyboard.press('Enter');
  await carol.reads('For all', 'Alice');
  assert.deepEqual((await carol.messages()).map((m) => m.text), ['First, mail to plan@example.org', 'Second', 'Third', 'Well @Carol yes\nand no', 'For all']);
});
