// The straight line of `bench scaling`.

import { expect, test } from 'vitest';
import { fitLine } from '../../bench/fit.ts';

test('points on a line have no residual', () => {
  const line = fitLine([1, 2, 4, 8].map((x) => [x, 3 + 0.5 * x] as const));
  expect(line.intercept).toBeCloseTo(3, 12);
  expect(line.slope).toBeCloseTo(0.5, 12);
  expect(line.residual).toBeCloseTo(0, 12);
  expect(line.r2).toBeCloseTo(1, 12);
});

test('the least squares of four points, by hand', () => {
  // mean x 1.5, mean y 2; sum (x - 1.5)(y - 2) = 5, sum (x - 1.5)^2 = 5: y = 0.5 + x, errors 0.5 -0.5 -0.5 0.5
  const line = fitLine([
    [0, 1],
    [1, 1],
    [2, 2],
    [3, 4],
  ]);
  expect(line.slope).toBeCloseTo(1, 12);
  expect(line.intercept).toBeCloseTo(0.5, 12);
  expect(line.residual).toBeCloseTo(0.5 / 2, 12);
  expect(line.worst).toBeCloseTo(0.5, 12);
  expect(line.r2).toBeCloseTo(1 - 1 / 6, 12);
});

test('a parabola is told from a line', () => {
  expect(fitLine([1, 2, 4, 8, 16].map((x) => [x, x * x] as const)).residual).toBeGreaterThan(0.1);
});

test('two points are refused: they always lie on a line', () => {
  expect(() =>
    fitLine([
      [0, 0],
      [1, 1],
    ]),
  ).toThrow('expected 3 or more');
});
