// Calls at the built-in page: who sees, hears and reads whom.

import assert from 'node:assert/strict';
import { scenario } from './support/stage.mjs';
import { always, until } from './support/until.mjs';

scenario('two people see the right picture for 3 s, hear and write to each other', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);

  await Promise.all([alice.reaches('connected'), bob.reaches('connected')]);
  await Promise.all([alice.hasOthers(['Bob']), bob.hasOthers(['Alice'])]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  await Promise.all([alice.decodesFor(3_000), bob.decodesFor(3_000)]);
  await Promise.all([alice.hears(), bob.hears()]);

  await alice.say('Hello from Alice');
  await Promise.all([alice.reads('Hello from Alice', 'Alice (you)'), bob.reads('Hello from Alice', 'Alice')]);
  await bob.say('Grüße von Bob 🙂');
  await Promise.all([alice.reads('Grüße von Bob 🙂', 'Bob'), bob.reads('Grüße von Bob 🙂', 'Bob (you)')]);
});

scenario('one person alone is in the room, sees himself and may write', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  await alice.join(server, 'demo');
  await alice.reaches('connected');
  await alice.sees('Alice', 'red');
  await alice.say('Is anybody here?');
  await alice.reads('Is anybody here?');
  assert.deepEqual(await server.rooms(), { demo: 1 });
  assert.deepEqual(await alice.others(), []);
});

scenario('rooms are walls: no tile, no media, no message crosses', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  const eve = await stage.person('Eve', { colour: 'blue' });
  await Promise.all([alice.join(server, 'one'), bob.join(server, 'one'), eve.join(server, 'two')]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red'), eve.reaches('connected')]);
  await eve.say('Can you read this?');
  await eve.reads('Can you read this?');
  await alice.say('Only for room one');
  await bob.reads('Only for room one');

  await always('Eve is alone', async () => (await eve.others()).length === 0, 1_000);
  assert.equal((await eve.inbound()).videoBytes, 0);
  assert.equal((await eve.inbound()).audioBytes, 0);
  assert.deepEqual((await eve.messages()).map((m) => m.text), ['Can you read this?']);
  assert.deepEqual((await bob.messages()).map((m) => m.text), ['Only for room one']);
  assert.deepEqual(await server.rooms(), { one: 2, two: 1 });
}, { whole: true });

scenario('four who join in the same instant all see each other', async (stage) => {
  const server = await stage.server();
  const colours = { Alice: 'red', Bob: 'green', Carol: 'blue', Dave: 'yellow' };
  const people = await Promise.all(
    Object.entries(colours).map(([name, colour]) => stage.person(name, { colour, size: [320, 180] })),
  );
  await Promise.all(
    people.map(async (person) => {
      await person.open(server, { room: 'four' });
      await person.element('name-input').fill(person.name);
    }),
  );
  await Promise.all(people.map((person) => person.clickJoin()));
  await Promise.all(
    people.map(async (person) => {
      for (const [name, colour] of Object.entries(colours)) await person.sees(name, colour, 40_000);
      await person.hears();
    }),
  );
  assert.deepEqual(await server.rooms(), { four: 4 });
});

scenario('a late joiner who publishes nothing has a first frame within a second', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  await alice.say('Said before Carol came');
  await alice.reads('Said before Carol came');

  const carol = await stage.person('Carol');
  const times = [];
  for (let visit = 0; visit < 3; visit++) {
    await carol.join(server, 'demo', { watch: true });
    times.push(await carol.firstFrame());
    await Promise.all([carol.sees('Alice', 'red'), carol.sees('Bob', 'green')]);
    await carol.reads('Said before Carol came', 'Alice');
    for (const { frames } of await carol.outboundVideo()) assert.equal(frames, 0, 'Carol sends nothing');
    await alice.hasOthers(['Bob', 'Carol']);
    await carol.leave();
    await alice.hasOthers(['Bob']);
  }
  const [, median] = times.sort((a, b) => a - b);
  assert.ok(median < 1_000, `first frames after ${times} ms`);
}, { whole: true });

scenario('who leaves is gone for the others at once, and may come again', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);
  await alice.sees('Bob', 'green');

  await bob.leave();
  await alice.hasOthers([], 2_000);
  await bob.element('join-form').waitFor();
  assert.deepEqual(await bob.closeCodes(), [1000]);
  assert.deepEqual(await server.rooms(), { demo: 1 });

  await bob.clickJoin();
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
});

scenario('a closed tab is lost for the others at once, and gone when no reload brings it back', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);
  await alice.sees('Bob', 'green');
  await bob.page.close({ runBeforeUnload: false });
  await until('Bob is lost', async () => (await alice.tiles()).some((t) => t.name === 'Bob' && t.lost), { timeout: 3_000 });
  await alice.hasOthers([], 10_000);
});

scenario('camera and microphone go off and on without a new negotiation', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob', { colour: 'green' });
  await Promise.all([alice.join(server, 'demo'), bob.join(server, 'demo')]);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  const muted = `[data-testid="tile"][data-name="Bob"] [data-testid="tile-muted"]`;

  await bob.element('mic-button').click();
  await alice.page.locator(muted).waitFor({ state: 'visible' });
  await bob.element('cam-button').click();
  await until('Bob has no picture', async () => (await alice.tiles()).some((t) => t.name === 'Bob' && !t.video));

  await bob.element('mic-button').click();
  await alice.page.locator(muted).waitFor({ state: 'hidden' });
  await bob.element('cam-button').click();
  await alice.sees('Bob', 'green');
  assert.equal(await bob.connections(), 1);
});

scenario('simulcast: three layers are sent, and the picture arrives', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red', size: [1280, 720] });
  const bob = await stage.person('Bob');
  await alice.join(server, 'demo');
  await bob.join(server, 'demo', { watch: true });
  await bob.sees('Alice', 'red');
  const rids = async () => (await alice.outboundVideo()).map((l) => l.rid).sort().join();
  await until('Alice has three layers', async () => (await rids()) === 'f,h,q', { seen: () => alice.outboundVideo() });
  await bob.decodesFor(3_000);

  // Who saves data sends half of it, and is seen all the same.
  const active = async () => (await alice.outboundVideo()).filter((l) => l.active).map((l) => l.rid);
  await until('the full size is sent', async () => (await active()).includes('f'), { seen: active });
  await alice.element('layout-button').click();
  await alice.element('menu-save-data').click();
  await until('the half is sent instead', async () => !(await active()).includes('f') && (await active()).includes('h'), { seen: active });
  await bob.decodesFor(2_000);
});

scenario('a shared screen has a tile of its own beside the camera', async (stage) => {
  const server = await stage.server();
  const alice = await stage.person('Alice', { colour: 'red' });
  const bob = await stage.person('Bob');
  // A canvas in the place of the picker: headless there is no screen to share.
  await alice.page.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = async () => {
      const canvas = document.createElement('canvas');
      Object.assign(canvas, { width: 1280, height: 720 });
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
      const paint = () => {
        context.fillStyle = 'rgb(0, 0, 255)';
        context.fillRect(0, 0, 1280, 720);
        requestAnimationFrame(paint);
      };
      paint();
      return canvas.captureStream(15);
    };
  });
  await alice.join(server, 'demo');
  await bob.join(server, 'demo', { watch: true });
  await bob.sees('Alice', 'red');

  await alice.element('screen-button').click();
  await bob.sees('Alice', 'blue', 20_000, 'screen');
  await bob.sees('Alice', 'red');
  await alice.element('screen-button').click();
  await until('the screen is gone', async () => (await bob.tiles()).every((t) => t.source === 'camera'));
  await bob.sees('Alice', 'red');
});

scenario('over https with a certificate the server made itself, from another name than localhost', async (stage) => {
  const server = await stage.server({ TLS: 'self-signed' });
  const phone = { resolve: 'aq.test', context: { ignoreHTTPSErrors: true } };
  const alice = await stage.person('Alice', { colour: 'red', ...phone });
  const bob = await stage.person('Bob', { colour: 'green', ...phone });
  await Promise.all([alice.join(server, 'demo', { host: 'aq.test' }), bob.join(server, 'demo', { host: 'aq.test' })]);
  assert.equal(await alice.page.evaluate(() => isSecureContext), true);
  await Promise.all([alice.sees('Bob', 'green'), bob.sees('Alice', 'red')]);
  await Promise.all([alice.hears(), bob.hears()]);
});
