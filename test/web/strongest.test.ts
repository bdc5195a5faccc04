// Channels that a photograph drives.

import { expect, test } from 'vitest';
import { strongest } from '../../src/web/strongest.ts';

test('channels whose sum is above 0, the strongest first, and by whom', () => {
  const driven = strongest({ I: [1, 2, -3, 5], B: [1, -1, 4, -6], O: [2, 1, 1, -1] }, 3);
  expect(driven.map(({ channel, through }) => [channel, through])).toEqual([
    [0, 'both'],
    [1, 'skip'],
    [2, 'block'],
  ]);
  expect(strongest({ I: [1], B: [1], O: [2] }, 0)).toEqual([]);
});
