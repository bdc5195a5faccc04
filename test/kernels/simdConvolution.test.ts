// The text that simdConvolution writes: one case of it in full, and what holds for all.
// After a change, write the fixture anew, and read the difference:
//
//   UPDATE_FIXTURES=1 npx vitest run --project unit test/kernels/simdConvolution

import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SimdKernel, type SimdShape, simdConvolution } from '../../src/kernels/simdConvolution.ts';
import { chooseTile, type SimdFilter } from '../../src/kernels/simdTiles.ts';

const FIXTURE = new URL('../fixtures/simdConvolution.wgsl', import.meta.url);

const kernel: SimdKernel = {
  entryPoint: 'forward',
  declarations: [
    '@group(0) @binding(1) var x : texture_storage_2d<rgba32float, read>;  // [N,C4,H,W,4]',
    '@group(0) @binding(2) var w : texture_storage_2d<rgba32float, read>;  // [C4,R*S,outputs,4]',
    '@group(0) @binding(3) var<storage, read_write> y : array<f32>;        // [N,outputs,P,Q]',
  ].join('\n'),
  read: 'x',
  weights: 'w',
  extra: [],
  prepare: 'let plane_y = n * shape.outputs + k;',
  store: 'y[(plane_y * shape.P + p) * shape.Q + q] = value;',
};

/** 3 channels of 6 x 6 to 10 of 3 x 3, with a 2 x 2 filter of stride 2 on 8 lanes: tiles of 3 x 3. */
const example: [SimdFilter, SimdShape] = [
  { lanes: 8, R: 2, S: 2, stride: 2, channels: 3 },
  { N: 1, C4: 1, H: 6, W: 6, P: 3, Q: 3, top: 0, left: 0, outputs: 10, rectify: 1 },
];

test('one case reads as in test/fixtures/simdConvolution.wgsl', () => {
  const { source } = simdConvolution(...example, kernel, {});
  if (process.env.UPDATE_FIXTURES) writeFileSync(FIXTURE, source);
  expect(source).toBe(readFileSync(FIXTURE, 'utf8'));
});

const filters = fc.record({
  lanes: fc.constantFrom(4, 8, 16),
  R: fc.integer({ min: 1, max: 11 }),
  S: fc.integer({ min: 1, max: 11 }),
  stride: fc.integer({ min: 1, max: 4 }),
  channels: fc.integer({ min: 1, max: 4 }),
});
const size = fc.integer({ min: 1, max: 130 });
/** Pictures that a tile can be all of, with padding. */
const small = fc.integer({ min: 1, max: 10 });
const shapes = fc.record({
  N: fc.integer({ min: 1, max: 9 }),
  C4: size,
  H: fc.oneof(size, small),
  W: fc.oneof(size, small),
  P: fc.oneof(size, small),
  Q: fc.oneof(size, small),
  top: fc.integer({ min: -9, max: 9 }),
  left: fc.integer({ min: -9, max: 9 }),
  outputs: fc.oneof(size, fc.constantFrom(8, 16, 32, 64, 128)),
  rectify: fc.constantFrom(0, 1),
});

/** Sums of a lane: those of one block of products are in registers, the others in the first cache. */
const MAX_SUMS = 200;
/** Products of one turn of the loop with one channel: more take long to compile. */
const MAX_PRODUCTS = 1350;

/** Products in the body of the loop with one of its channels, and how many turns it takes per channel. */
function loopOf(source: string): { products: number; turns: number } {
  const turns = Number(/r < (\d+);/.exec(source)?.[1] ?? 1);
  return {
    products: [...source.matchAll(/let w = w\d+\[0\];([^}]*)/g)].flatMap(([, sums]) => [
      ...sums.matchAll(/z\d+ \+= b\d+ \* w;/g),
    ]).length,
    turns,
  };
}

test('a tile has few enough sums and products, or is one position', () => {
  let [wholes, bands] = [0, 0];
  fc.assert(
    fc.property(filters, shapes, (filter, shape) => {
      const { samples, rows, columns, vectors, whole } = chooseTile(filter, shape);
      const { products, turns } = loopOf(simdConvolution(filter, shape, kernel, {}).source);
      const sums = samples * rows * columns * vectors;
      // products with padding are left out where a tile is all of a picture
      const along = (alone: boolean, positions: number, taps: number, before: number, size: number) => {
        let count = 0;
        for (let i = 0; i < positions; i++)
          for (let tap = 0; tap < taps; tap++) {
            const at = i * filter.stride + tap - before;
            if (!alone || (at >= 0 && at < size)) count += 1;
          }
        return count;
      };
      const down = along(whole[0], rows, filter.R, shape.top, shape.H);
      const across = along(whole[1], columns, filter.S, shape.left, shape.W);
      expect(products * turns).toBe(samples * vectors * down * across);
      if (whole[0]) expect(rows).toBe(shape.P);
      if (whole[1]) expect(columns).toBe(shape.Q);
      wholes += whole[0] && whole[1] ? 1 : 0;
      bands += whole[0] !== whole[1] ? 1 : 0;
      expect(sums).toBeLessThanOrEqual(MAX_SUMS);
      if (sums > 1) expect(products).toBeLessThanOrEqual(MAX_PRODUCTS);
    }),
    { numRuns: 2000 },
  );
  expect(wholes).toBeGreaterThan(10);
  expect(bands).toBeGreaterThan(10);
});

test('tiles cover every result once', () => {
  fc.assert(
    fc.property(filters, shapes, (filter, shape) => {
      const { samples, rows, columns, vectors, whole } = chooseTile(filter, shape);
      const {
        source,
        workgroups,
        samples: together,
        shape: numbers,
      } = simdConvolution(filter, shape, kernel, {});
      expect(together).toBe(samples);
      expect(source).toContain(`array<f32, ${samples * rows * columns * vectors}>(y0`);
      // beyond the last sample: a driver may drop what is written there, so that no test of results would notice
      expect(source).toContain('if (n >= shape.N) { continue; }');
      expect(source).toContain(`min(first_p + ${rows}, shape.P)`);
      expect(source).toContain(`min(first_q + ${columns}, shape.Q)`);
      expect(source).toContain(`sums[(part * ${rows} + p - first_p) * ${columns} + q - first_q]`);
      const fields = /struct Shape \{ (.*) \}/
        .exec(source)![1]
        .split(', ')
        .map((field) => field.split(' ')[0]);
      expect(fields.length).toBe(numbers.length);
      const of = Object.fromEntries(fields.map((field, i) => [field, numbers[i]]));
      const told = { top: whole[0] ? 0 : shape.top, left: whole[1] ? 0 : shape.left };
      expect(of).toMatchObject({ ...shape, ...told, outputs: shape.outputs / vectors });
      // a lane's outputs are so far apart, and the loop over parts meets them all
      if (vectors > 1) expect(of.outputs % filter.lanes).toBe(0);
      expect(source).toContain(`part < ${vectors * samples};`);
      // how the text finds its share from group.x
      const firsts = new Set<string>();
      for (let group = 0; group < workgroups; group++) {
        const tile = Math.floor(group / of.groups);
        const [p, q] = [Math.floor(tile / of.across) * rows, (tile % of.across) * columns];
        if (p >= shape.P || q >= shape.Q) expect.fail(`tile at ${p}, ${q}`);
        firsts.add(`${p} ${q} ${(group % of.groups) * filter.lanes}`);
      }
      expect(firsts.size).toBe(workgroups);
      expect(workgroups).toBe(
        Math.ceil(shape.P / rows) *
          Math.ceil(shape.Q / columns) *
          Math.ceil(shape.outputs / vectors / filter.lanes),
      );
    }),
    { numRuns: 40 },
  );
});

test('every pixel of the patch and every weight that is used is loaded first', () => {
  fc.assert(
    fc.property(filters, shapes, (filter, shape) => {
      const { source } = simdConvolution(filter, shape, kernel, {});
      const declared = new Set<string>();
      for (const line of source
        .replaceAll(/vec[24]f|f32/g, '')
        .split('\n')
        .filter((line) => !line.includes('//')))
        for (const statement of line.split(/(?<=[;{}])/)) {
          const [, made] = /(?:let|var) ([bfwxyzhv]\d+|in\d+|inside\d+) /.exec(statement) ?? [];
          const used = [...statement.replace(/^.*?=/, '').matchAll(/\b([bfwxyzhv]\d+|in\d+|inside\d+)\b/g)];
          for (const [name] of used) if (!declared.has(name)) expect.fail(`${name} in ${statement}`);
          if (made) declared.add(made);
        }
    }),
    { numRuns: 100 },
  );
});
