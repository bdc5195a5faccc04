// Weight magnitudes as trained: mean absolute values by output channel, of the block's second batch norm and second
// convolution. (Putting a block's measurements together is tested with the run: test/cli/reproduce.gpu.test.ts.)

import { expect, test } from 'vitest';
import { weightMagnitude } from '../../src/analysis/measureBlock.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 8 });
const block = network.blocks[1];

test('are means over a filter, by output channel', () => {
  const changed = new Map(weights);
  const gamma = Float32Array.from({ length: 8 }, (_, c) => (c % 2 ? -c : c));
  const filters = new Float32Array(8 * 8 * 9);
  // channel c: half its weights +c, half -3c
  for (let i = 0; i < filters.length; i++) filters[i] = Math.floor(i / 72) * (i % 2 ? 1 : -3);
  changed.set('layer1.1.bn2.weight', { shape: [8], data: gamma });
  changed.set('layer1.1.conv2.weight', { shape: [8, 8, 3, 3], data: filters });
  const { batchNorm, convolution } = weightMagnitude(changed, block);
  expect([...batchNorm]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect([...convolution]).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
});

test('need the tensors', () => {
  const missing = new Map(weights);
  missing.delete('layer1.1.conv2.weight');
  expect(() => weightMagnitude(missing, block)).toThrow(
    'Block 1.1: the weights have no layer1.1.conv2.weight.',
  );
});
