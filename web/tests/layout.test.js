import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bestGrid, capacity, layout, mirrored, speakerOf, steadyOrder } from '../ui/layout.js';

const SIZES = [[1280, 680], [390, 690], [760, 330], [820, 1060], [320, 420], [2560, 1300]];
/** @param {number} count */
const keys = (count) => Array.from({ length: count }, (_, i) => `k${i}`);

test('tiles never overlap and never leave the area, at any size and number', () => {
  for (const [width, height] of SIZES) {
    for (let count = 1; count <= 40; count += 1) {
      for (const featured of [[], ['k1']]) {
        const result = layout({ width, height, keys: keys(count), featured, self: 'k0', page: 0 });
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
    const { rects, floating } = layout({ width: 1264, height: 680, keys: keys(count), featured: [], self: 'k0', page: 0 });
    let area = 0;
    for (const [key, r] of rects) if (key !== floating) area += r.width * r.height;
    assert.ok(area / (1264 * 680) > 0.7, `${count}: ${(area / (1264 * 680)).toFixed(2)}`);
  }
});

test('the last row is centred', () => {
  const { rects } = layout({ width: 1200, height: 800, keys: keys(3), featured: [], self: null, page: 0 });
  const last = rects.get('k2');
  assert.ok(last && Math.abs(last.x + last.width / 2 - 600) <= 1);
});

test('with a single other person the self view floats above him', () => {
  const result = layout({ width: 1280, height: 700, keys: ['me', 'bob'], featured: [], self: 'me', page: 0 });
  assert.equal(result.floating, 'me');
  const [me, bob] = [result.rects.get('me'), result.rects.get('bob')];
  assert.ok(me && bob && me.width < bob.width / 3);
  assert.equal(layout({ width: 1280, height: 700, keys: ['a', 'bob'], featured: [], self: null, page: 0 }).floating, null);
});

test('a shared screen is large and keeps its shape, the people stand beside it', () => {
  for (const [width, height] of SIZES) {
    const { rects } = layout({ width, height, keys: keys(4), featured: ['k3'], self: 'k0', page: 0, shapes: new Map([['k3', 1.6]]) });
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
    const first = layout({ width, height, keys: all, featured: [], self: 'k0', page: 0 });
    const seen = [];
    for (let page = 0; page < first.pages; page += 1) {
      const { rects } = layout({ width, height, keys: all, featured: [], self: 'k0', page });
      assert.ok(rects.size <= 25 && rects.size <= capacity(width, height));
      seen.push(...rects.keys());
    }
    assert.deepEqual(seen, all);
  }
  assert.equal(layout({ width: 1280, height: 700, keys: keys(60), featured: [], self: null, page: 99 }).page, 2);
});

test('an area that has no size yet has no tiles', () => {
  assert.equal(layout({ width: 0, height: 0, keys: keys(3), featured: [], self: null, page: 0 }).rects.size, 0);
});

test('the order is steady; who speaks on a later page comes in place of who was silent longest', () => {
  const before = ['me', 'a', 'b', 'c', 'd'];
  assert.deepEqual(steadyOrder(before, ['d', 'c', 'me', 'x'], [], new Map(), 9, 'me'), ['me', 'c', 'd', 'x']);
  const spoke = new Map([['a', 5], ['b', 2]]);
  assert.deepEqual(steadyOrder(before, before, ['d'], spoke, 3, 'me'), ['me', 'a', 'd', 'c', 'b']);
  assert.deepEqual(steadyOrder(before, before, ['a'], spoke, 3, 'me'), before, 'visible already');
  assert.deepEqual(steadyOrder(before, before, ['a', 'b', 'd'], spoke, 3, 'me'), before, 'all visible ones speak too');
});

test('where writing runs from right to left, the first tile stands at the right and the self view at the left', () => {
  const three = layout({ width: 1280, height: 680, keys: keys(3), featured: [], self: 'k0', page: 0 });
  const turned = mirrored(three.rects, 1280);
  const [before, after] = [three.rects.get('k0'), turned.get('k0')];
  assert.ok(before && after && before.x < 640 && after.x >= 640);
  assert.equal(after.x + after.width, 1280 - before.x);
  const two = mirrored(layout({ width: 1280, height: 680, keys: keys(2), featured: [], self: 'k0', page: 0 }).rects, 1280);
  assert.equal(two.get('k0')?.x, (two.get('k1')?.x ?? 0) + 12);
});

test('large is whoever spoke last, and nobody takes the place of who still speaks', () => {
  assert.equal(speakerOf([], new Map(), null), null);
  assert.equal(speakerOf(['a', 'b'], new Map(), null), 'a', 'nobody has spoken: who came first');
  assert.equal(speakerOf(['a', 'b'], new Map([['b', 5]]), 'a'), 'b');
  assert.equal(speakerOf(['a', 'b'], new Map([['a', 5], ['b', 5]]), 'b'), 'b');
  assert.equal(speakerOf(['a'], new Map([['b', 9]]), 'b'), 'a', 'who has left is not large');
});
