// Axes and points of the scatter, and the walk along it.

import { expect, test } from 'vitest';
import type { RunBlock } from '../../src/web/run.ts';
import { axesOf, neighbour, pointsOf } from '../../src/web/spectrum.ts';

const block: RunBlock = {
  block: '1.1',
  channels: 3,
  reading: { rules: 'text', clamp: 5, tolerance: 1.5 },
  weightMagnitude: { batchNorm: [0.3, 0.2, 0.1], convolution: [1, 2, 3] },
  tuningScales: [1],
  seeds: [
    {
      seed: 0,
      mix: [
        { value: 9, case: 'ratio' },
        { value: null, case: 'silent' },
        { value: 0.5, case: 'ratio' },
      ],
      histogram: [0, 0],
      inhibition: { values: [-1, null, 2] },
      invariance: {},
    },
  ],
};

test('weights alone give magnitudes, a run gives the mix ratio, clamped', () => {
  expect(axesOf(undefined, undefined).map(({ id }) => id)).toEqual(['channel']);
  const weights = { batchNorm: [1, 2], convolution: [3, 4] };
  expect(axesOf(weights, undefined).map(({ id }) => id)).toEqual(['batchNorm', 'convolution', 'channel']);
  const axes = axesOf(undefined, block);
  expect(axes.map(({ id }) => id)).toEqual(['mix', 'batchNorm', 'convolution', 'inhibition', 'channel']);
  expect(axes[0].values).toEqual([5, null, 0.5]);
});

test('points are channels with both numbers, in the colour of their group', () => {
  const [mix, batchNorm] = axesOf(undefined, block);
  const points = pointsOf('1.1', mix, batchNorm, block);
  expect(points.map(({ channel, x, y, group }) => [channel, x, y, group])).toEqual([
    [0, 5, 0.3, 'skip'],
    [2, 0.5, 0.1, 'overwrite'],
  ]);
  expect(points[1].label).toBe('Block 1.1 channel 2, mix ratio M 0.500, batch norm weight, |γ| 0.100');
  expect([neighbour(points, 2, 1), neighbour(points, 0, 1), neighbour(points, 0, -1)]).toEqual([0, 0, 2]);
});
