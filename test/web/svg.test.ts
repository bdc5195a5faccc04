// Scales and round numbers of the plots.

import { expect, test } from 'vitest';
import { linear, ticks } from '../../src/web/svg.ts';

test('a scale covers its numbers, with a margin, and a single number as well', () => {
  const scale = linear([0, 10], [0, 106]);
  expect([scale(0), scale(10)]).toEqual([3, 103].map((pixel) => expect.closeTo(pixel, 9)));
  expect(linear([2, 2], [0, 100])(2)).toBeCloseTo(50);
  expect(linear([0, 4], [100, 0], true)(0)).toBe(100);
});

test('ticks are round and inside', () => {
  expect(ticks([0, 1], 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(ticks([-0.07, 5.1], 6)).toEqual([0, 1, 2, 3, 4, 5]);
});
