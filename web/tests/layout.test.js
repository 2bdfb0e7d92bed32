import assert from 'node:assert/strict';
import { test } from 'node:test';

import { largeOf, spared, viewsOf } from '../ui/arrangement.js';
import { bestGrid, capacity, layout, mirrored, nearestCorner, neighbour } from '../ui/layout.js';
import { Order } from '../ui/order.js';
import { Voices } from '../ui/voices.js';

const SIZES = [[1280, 680], [390, 690], [760, 330], [820, 1060], [320, 420], [2560, 1300]];
/** @param {number} count */
const keys = (count) => Array.from({ length: count }, (_, i) => `k${i}`);

test('tiles never overlap and never leave the area, at any size and number', () => {
  for (const [width, height] of SIZES) {
    for (let count = 1; count <= 40; count += 1) {
      for (const large of [[], ['k1'], ['k0'], ['k2', 'k3']]) {
        const result = layout({ width, height, keys: keys(count), large, self: 'k0', page: 0 });
        const rects = [...result.rects].filter(([key]) => key !== result.floating).map(([, rect]) => rect);
        assert.ok(rects.length > 0);
        for (const r of result.rects.values()) {
          assert.ok(r.x >= 0 && r.y >= 0 && r.x + r.width <= width + 1 && r.y + r.height <= height + 1, `${width}x${height}, ${count}: ${JSON.stringify(r)}`);
          assert.ok(r.width > 0 && r.height > 0);
        }
        for (const a of rects) for (const b of rects) {
          if (a === b) continue;
          assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y, `${width}x${height}, ${count}`);
        }
      }
    }
  }
});

test('1 to 16 people use the space of a laptop: at least 70 percent of it', () => {
  for (let count = 1; count <= 16; count += 1) {
    const { rects, floating } = layout({ width: 1264, height: 680, keys: keys(count), large: [], self: 'k0', page: 0 });
    let area = 0;
    for (const [key, r] of rects) if (key !== floating) area += r.width * r.height;
    assert.ok(area / (1264 * 680) > 0.7, `${count}: ${(area / (1264 * 680)).toFixed(2)}`);
  }
});

test('the last row is centred', () => {
  const { rects } = layout({ width: 1200, height: 800, keys: keys(3), large: [], self: null, page: 0 });
  const last = rects.get('k2');
  assert.ok(last && Math.abs(last.x + last.width / 2 - 600) <= 1);
});

test('with a single other person the self view floats above him', () => {
  const result = layout({ width: 1280, height: 700, keys: ['me', 'bob'], large: [], self: 'me', page: 0 });
  assert.equal(result.floating, 'me');
  const [me, bob] = [result.rects.get('me'), result.rects.get('bob')];
  assert.ok(me && bob && me.width < bob.width / 3);
  assert.equal(layout({ width: 1280, height: 700, keys: ['a', 'bob'], large: [], self: null, page: 0 }).floating, null);
});

test('a shared screen is large and keeps its shape, the people stand beside it', () => {
  for (const [width, height] of SIZES) {
    const { rects } = layout({ width, height, keys: keys(4), large: ['k3'], whole: true, self: 'k0', page: 0, shapes: new Map([['k3', 1.6]]) });
    const screen = rects.get('k3');
    assert.ok(screen && Math.abs(screen.width / screen.height - 1.6) < 0.05);
    for (const [key, r] of rects) if (key !== 'k3') assert.ok(r.width * r.height < (screen.width * screen.height) / 2, `${width}x${height}`);
  }
});

test('a picture alone is not cut by more than two fifths', () => {
  assert.ok(bestGrid(390, 700, 1, 16 / 9).width / bestGrid(390, 700, 1, 16 / 9).height >= 1);
  const upright = bestGrid(1280, 700, 1, 9 / 16);
  assert.ok(upright.width / upright.height <= 9 / 16 / 0.6 + 0.01);
});

test('more people than fit come on pages of equal size that together show everybody once', () => {
  for (const [width, height] of SIZES) {
    const all = keys(60);
    const first = layout({ width, height, keys: all, large: [], self: 'k0', page: 0 });
    const seen = [];
    for (let page = 0; page < first.pages; page += 1) {
      const { rects } = layout({ width, height, keys: all, large: [], self: 'k0', page });
      assert.ok(rects.size <= 25 && rects.size <= capacity(width, height));
      seen.push(...rects.keys());
    }
    assert.deepEqual(seen, all);
  }
  assert.equal(layout({ width: 1280, height: 700, keys: keys(60), large: [], self: null, page: 99 }).page, 2);
});

test('an area that has no size yet has no tiles', () => {
  assert.equal(layout({ width: 0, height: 0, keys: keys(3), large: [], self: null, page: 0 }).rects.size, 0);
});

test('who has the floor: nobody for a cough, and not while the one before him goes on', () => {
  const voices = new Voices();
  const keys = ['a', 'b', 'c'];
  assert.equal(voices.floor([], 0), null);
  assert.equal(voices.floor(keys, 0), 'a', 'nobody has spoken: the first');
  /** @param {string[]} speaking @param {number} from @param {number} to */
  const speak = (speaking, from, to) => {
    for (let now = from; now <= to; now += 100) voices.note(speaking, now);
    return voices.floor(keys, to);
  };
  assert.equal(speak(['b'], 1000, 2400), 'a');
  assert.equal(speak(['b'], 2500, 2500), 'b');
  assert.equal(speak(['c', 'b'], 2600, 6000), 'b', 'he goes on');
  assert.equal(speak(['c'], 6100, 6600), 'b', 'he may breathe');
  assert.equal(speak(['c'], 6700, 7000), 'c');
  assert.equal(speak([], 7100, 20000), 'c', 'silence changes nothing');
  assert.equal(speak(['a'], 20100, 21000), 'c');
  assert.equal(speak([], 21100, 22000), 'c');
  assert.equal(speak(['a'], 22100, 23000), 'c', 'two short ones are no long one');
  voices.keepOnly(new Set(['a', 'b']));
  assert.equal(voices.floor(['a', 'b'], 23000), 'a', 'he is gone: who was heard last');
});

test('the order is steady, and a gap on the first page is filled from a later one', () => {
  const order = new Order();
  /** @param {string[]} keys @param {object} [change] */
  const arrange = (keys, change = {}) => order.arrange({ keys, large: [], page: 0, perPage: 3, lasting: [], spokeAt: new Map(), self: 'me', now: 0, ...change }).join();
  assert.equal(arrange(['me', 'a', 'b', 'c', 'd']), 'me,a,b,c,d');
  assert.equal(arrange(['d', 'c', 'me', 'a', 'x']), 'me,a,c,d,x', 'b is gone: c takes his place');
  assert.equal(arrange(['d', 'c', 'me', 'x']), 'me,d,c,x', 'a is gone: d');
  assert.equal(arrange(['me', 'c']), 'me,c');
});

test('who speaks on a later page comes in place of who was silent longest; seldom, and not while one looks at another page', () => {
  const order = new Order();
  const keys = ['me', 'a', 'b', 'c', 'd'];
  const spokeAt = new Map([['a', 5], ['b', 2]]);
  /** @param {string[]} lasting @param {object} [change] */
  const arrange = (lasting, change = {}) => order.arrange({ keys, large: [], page: 0, perPage: 3, lasting, spokeAt, self: 'me', now: 10000, ...change }).join();
  assert.equal(arrange([]), 'me,a,b,c,d');
  assert.equal(arrange(['d'], { page: 1 }), 'me,a,b,c,d');
  assert.equal(arrange(['a']), 'me,a,b,c,d', 'visible already');
  assert.equal(arrange(['a', 'b', 'd']), 'me,a,b,c,d', 'all visible ones speak too');
  assert.equal(arrange(['d']), 'me,a,d,c,b');
  assert.equal(arrange(['c'], { now: 13999 }), 'me,a,d,c,b', 'not again so soon');
  assert.equal(arrange(['c'], { now: 14000 }), 'me,a,c,d,b', 'in place of d, who was never heard');
  assert.equal(arrange(['b'], { now: 30000, large: ['a'], perPage: 4 }), 'me,a,c,d,b', 'there is room on the page for one more');
  order.exchange('a', 'b');
  assert.equal(arrange([]), 'me,b,c,d,a');
});

/** @type {import('../ui/arrangement.js').Arrangement} */
const chosen = { layout: 'auto', pins: [], maximized: null, fullScreen: false, selfView: 'auto', corner: 'bottom-end', saving: false, statistics: new Set(), picture: null };
/** @param {string} key @param {object} [change] @returns {import('../model.js').Tile} */
const tile = (key, change = {}) => /** @type {any} */ ({ key, source: key.endsWith('screen') ? 'screen' : 'camera', self: false, trackId: `t-${key}`, ...change });

test('what is large: what is pinned, then shared screens, then who speaks if that is wished', () => {
  const tiles = [tile('me', { self: true }), tile('a'), tile('b'), tile('b-screen'), tile('c-screen')];
  const cameras = tiles.slice(0, 3);
  /** @param {object} [change] */
  const large = (change = {}, of = tiles) => largeOf({ ...chosen, ...change }, of, 'b');
  assert.deepEqual(large(), { large: ['b-screen', 'c-screen'], whole: true, only: false });
  assert.deepEqual(large({ layout: 'speaker' }).large, ['b-screen', 'c-screen']);
  assert.deepEqual(large({ layout: 'grid' }).large, [], 'all of one size, screens too');
  assert.deepEqual(large({}, cameras).large, []);
  assert.deepEqual(large({ layout: 'speaker' }, cameras), { large: ['b'], whole: false, only: false });
  assert.deepEqual(large({ pins: ['a', 'gone', 'me'], layout: 'grid' }), { large: ['a', 'me'], whole: false, only: false });
  assert.deepEqual(large({ pins: ['c-screen'] }), { large: ['c-screen'], whole: true, only: false }, 'one screen of two');
  assert.deepEqual(large({ pins: ['a'], maximized: 'b' }), { large: ['b'], whole: true, only: true });
  assert.deepEqual(large({ maximized: 'gone' }).only, false);
  assert.deepEqual(largeOf({ ...chosen, layout: 'speaker' }, cameras, null).large, []);
});

test('only what is visible is asked for, at its size; and less while data is saved', () => {
  const tiles = [tile('me', { self: true, trackId: null }), tile('a'), tile('b'), tile('c'), tile('a-screen')];
  const rects = new Map(['me', 'a', 'b', 'a-screen'].map((key) => [key, { x: 0, y: 0, width: 640, height: 400 }]));
  /** @param {object} [change] */
  const views = (change = {}) => Object.fromEntries(viewsOf({ tiles, rects, scale: 2, spared: new Set(), saving: false, picture: null, ...change }).map((v) => [v.track_id.slice(2), v.hidden ? 'hidden' : `${v.width}x${v.height}`]));
  assert.deepEqual(views(), { a: '1280x800', b: '1280x800', c: 'hidden', 'a-screen': '1280x800' });
  assert.equal(views({ picture: 'c' }).c, '960x540', 'it has a window of its own');
  const few = spared({ ...chosen, saving: true }, tiles, [], 'b');
  assert.deepEqual([...few], ['a', 'c']);
  assert.deepEqual(views({ spared: few, saving: true }), { a: 'hidden', b: '288x180', c: 'hidden', 'a-screen': '1280x800' });
  assert.deepEqual([...spared({ ...chosen, saving: true }, tiles, ['a'], 'b')], ['c'], 'what is large is looked at');
  assert.equal(spared(chosen, tiles, [], 'b').size, 0);
});

test('the self view: in a corner, in any of the four, among the others, or nowhere', () => {
  const size = { width: 1280, height: 700, keys: keys(4), large: [], self: 'k0', page: 0 };
  assert.equal(layout(size).floating, null);
  assert.equal(layout({ ...size, selfView: 'hidden' }).rects.has('k0'), false);
  assert.equal(layout({ ...size, selfView: 'hidden', large: ['k0'] }).rects.has('k0'), true, 'who pins himself wants to see himself');
  for (const corner of /** @type {const} */ (['top-start', 'top-end', 'bottom-start', 'bottom-end'])) {
    const result = layout({ ...size, selfView: 'float', corner });
    const me = result.rects.get('k0');
    assert.ok(result.floating === 'k0' && me);
    assert.equal(nearestCorner((me.x + me.width / 2) / 1280, (me.y + me.height / 2) / 700), corner);
  }
  assert.equal(layout({ ...size, width: 390, height: 690, keys: keys(3) }).floating, 'k0', 'on a phone above a few');
  assert.equal(layout({ ...size, width: 390, height: 690, keys: keys(6) }).floating, null);
  assert.equal(layout({ ...size, large: ['k1', 'k2', 'k3'] }).floating, 'k0', 'nobody else stands beside');
  assert.equal(layout({ ...size, keys: ['k0'], selfView: 'float' }).floating, null);
});

test('a single large tile may be all that is shown', () => {
  const { rects, pages } = layout({ width: 844, height: 390, keys: keys(30), large: ['k7'], whole: true, only: true, self: 'k0', page: 0 });
  assert.deepEqual([...rects.keys()], ['k7']);
  assert.equal(pages, 1);
  assert.equal(layout({ width: 844, height: 390, keys: keys(3), large: [], only: true, self: 'k0', page: 0 }).rects.size, 3);
});

test('arrow keys lead from tile to tile', () => {
  const { rects } = layout({ width: 1264, height: 680, keys: keys(9), large: [], self: null, page: 0 });
  /** @param {string} from @param {string[]} arrows */
  const walk = (from, ...arrows) => arrows.reduce((at, arrow) => neighbour(rects, at, `Arrow${arrow}`) ?? at, from);
  assert.equal(walk('k0', 'Right', 'Down', 'Left', 'Up'), 'k0');
  assert.equal(walk('k0', 'Right', 'Right', 'Right'), 'k2');
  assert.equal(walk('k4', 'Down', 'Down'), 'k7');
  assert.equal(neighbour(rects, 'k0', 'Enter'), null);
  assert.equal(neighbour(rects, 'gone', 'ArrowUp'), null);
  const centred = layout({ width: 1264, height: 680, keys: keys(5), large: [], self: null, page: 0 }).rects;
  assert.equal(neighbour(centred, 'k3', 'ArrowLeft'), null, 'what lies above is not to the left');
  const beside = layout({ width: 1264, height: 680, keys: keys(4), large: ['k1'], self: null, page: 0 }).rects;
  assert.equal(neighbour(beside, 'k2', 'ArrowLeft'), 'k1');
  assert.ok(['k0', 'k2', 'k3'].includes(neighbour(beside, 'k1', 'ArrowRight') ?? ''));
});

test('where writing runs from right to left, the first tile stands at the right and the self view at the left', () => {
  const three = layout({ width: 1280, height: 680, keys: keys(3), large: [], self: 'k0', page: 0 });
  const turned = mirrored(three.rects, 1280);
  const [before, after] = [three.rects.get('k0'), turned.get('k0')];
  assert.ok(before && after && before.x < 640 && after.x >= 640);
  assert.equal(after.x + after.width, 1280 - before.x);
  const two = mirrored(layout({ width: 1280, height: 680, keys: keys(2), large: [], self: 'k0', page: 0 }).rects, 1280);
  assert.equal(two.get('k0')?.x, (two.get('k1')?.x ?? 0) + 12);
});
