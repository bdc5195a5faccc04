// Ranks of labels, ties included.

import { expect, test } from 'vitest';
import { rankOf } from '../../src/analysis/accuracy.ts';

test('the rank counts larger logits, and equal ones of lower classes', () => {
  const logits = [1, 5, 3, 5, 2, 2];
  expect(logits.map((_, label) => rankOf(logits, label))).toEqual([5, 0, 2, 1, 3, 4]);
  expect(rankOf([0, 0, 0], 2)).toBe(2);
});
