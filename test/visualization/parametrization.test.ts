// The tables that the inverse DFT reads.

import { expect, test } from 'vitest';
import { turnPairs } from '../../src/visualization/parametrization.ts';

test.each([1, 2, 5, 8, 224])('turns of two products of numbers below %d lie in a texel', (n) => {
  const table = turnPairs(n);
  expect(table.length).toBe(Math.ceil(n / 2) * n * 4);
  for (let i = 0; i < 2 * Math.ceil(n / 2); i++)
    for (let k = 0; k < n; k++) {
      const at = 4 * (Math.floor(i / 2) * n + k) + 2 * (i % 2);
      const angle = (2 * Math.PI * i * k) / n;
      expect(table[at]).toBeCloseTo(Math.cos(angle), 6);
      expect(table[at + 1]).toBeCloseTo(Math.sin(angle), 6);
      // exactly where they are: what cannot matter gets a gradient of exactly 0
      if ((4 * i * k) % n === 0)
        expect([0, 1, -1].includes(table[at]) && [0, 1, -1].includes(table[at + 1])).toBe(true);
    }
});
