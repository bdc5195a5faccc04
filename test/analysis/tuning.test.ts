import { expect, test } from 'vitest';
import { tuningCurves } from '../../src/analysis/tuning.ts';

test('curves are clipped at 0 and divided by their peak; a channel without a positive answer has none', () => {
  const curves = tuningCurves(Float64Array.from([2, 4, -1, -1, -2, -3, 1, Number.NaN, 2]), 3);
  expect(curves).toEqual([
    { channel: 0, curve: [0.5, 1, 0], mean: 0.5 },
    { channel: 1, curve: null, mean: null },
    { channel: 2, curve: null, mean: null },
  ]);
});
