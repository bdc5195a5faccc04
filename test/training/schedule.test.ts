// Learning rates: up in a line, down half a cosine.

import { expect, test } from 'vitest';
import { learningRates } from '../../src/training/schedule.ts';

test('rises to the peak and falls to nearly 0', () => {
  const rates = learningRates({ steps: 11, warmup: 3, peak: 0.8 });
  expect(rates.slice(0, 4)).toEqual([0.2, 0.4, expect.closeTo(0.6, 12), 0.8]);
  expect(rates[7]).toBeCloseTo(0.4, 12); // half way down
  expect(rates.slice(3)).toEqual(rates.slice(3).toSorted((a, b) => b - a));
  expect(rates.at(-1)).toBeGreaterThan(0);
  expect(rates).toHaveLength(11);
});

test('without a warm-up the first rate is the peak', () => {
  expect(learningRates({ steps: 2, warmup: 0, peak: 1 })).toEqual([1, 0.5]);
});

test('a warm-up that leaves no step is refused', () => {
  expect(() => learningRates({ steps: 5, warmup: 5, peak: 1 })).toThrow('takes 5 of 5 steps');
});
