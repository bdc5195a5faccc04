import { expect, test } from 'vitest';
import { summarizeAblation } from '../../src/analysis/ablationSummary.ts';

test('the mean ratio over trials and its standard error, by scale', () => {
  const { ratios } = summarizeAblation({
    block: '2.1',
    replacement: 'mean',
    channels: [1, 2],
    scales: [1, 1.1],
    ablated: [0.6, 0.4],
    trials: [
      { channels: [3, 4], accuracy: [0.6, 0.5] },
      { channels: [5, 6], accuracy: [0.8, 0.4] },
      { channels: [7, 8], accuracy: [0.6, 0] },
    ],
  });
  expect(ratios[0]).toMatchObject({ scale: 1, ablated: 0.6, n: 3, leftOut: 0 });
  expect(ratios[0].mean).toBeCloseTo((1 + 0.75 + 1) / 3, 12);
  // deviation sqrt(((1/12)^2 + (1/6)^2 + (1/12)^2) / 2) = sqrt(1/48), over sqrt(3)
  expect(ratios[0].standardError).toBeCloseTo(Math.sqrt(1 / 48 / 3), 12);
  // accuracy 0 has no ratio, and is counted
  expect(ratios[1]).toMatchObject({ n: 2, leftOut: 1 });
  expect(ratios[1].mean).toBeCloseTo(0.9, 12);
});
