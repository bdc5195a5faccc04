// The text that simdWeightGradient writes: one case of it in full, and what follows from shapes.
// After a change, write the fixture anew, and read the difference:
//
//   UPDATE_FIXTURES=1 npx vitest run --project unit test/kernels/simdWeightGradient

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { simdWeightGradient } from '../../src/kernels/simdWeightGradient.ts';

const FIXTURE = new URL('../fixtures/simdWeightGradient.wgsl', import.meta.url);

/** 2 channels of 5 x 5 to 3 of 2 x 2, with a 3 x 3 filter of stride 2 on 8 lanes. */
const filter = { lanes: 8, R: 3, S: 3, stride: 2, channels: 2 };
const shape = { N: 7, C: 2, H: 5, W: 5, K: 3, P: 2, Q: 2, top: 0, left: 0 };

test('one case reads as in test/fixtures/simdWeightGradient.wgsl', () => {
  const { source } = simdWeightGradient(filter, shape);
  if (process.env.UPDATE_FIXTURES) writeFileSync(FIXTURE, source);
  expect(source).toBe(readFileSync(FIXTURE, 'utf8'));
});

test('few weights are summed in groups of samples, many at once', () => {
  const groups = (K: number, C: number, N: number) => {
    const made = simdWeightGradient({ ...filter, channels: 4 }, { ...shape, K, C, N });
    return [made.workgroups, made.groups];
  };
  expect(groups(8, 4, 64)).toEqual([1, 32]);
  expect(groups(8, 4, 7)).toEqual([1, 7]);
  expect(groups(16, 32, 64)).toEqual([16, 2]);
  expect(groups(128, 128, 64)).toEqual([512, 1]);
  expect(groups(8, 20, 7)).toEqual([5, 7]); // and 33 samples of them in groups of 5, the last of 3
  expect(groups(8, 20, 33)).toEqual([5, 7]);
});

test('a filter of many taps takes a subgroup per row', () => {
  const stem = simdWeightGradient({ ...filter, R: 7, S: 7, channels: 3 }, { ...shape, C: 3, N: 1 });
  expect(stem.workgroups).toBe(7);
  expect(stem.source).toContain('array<f32, 21>');
});
