// Weights before the first step: all tensors of the network, with the deviations that torchvision gives them.

import { expect, test } from 'vitest';
import { makeNetwork } from '../../src/model/network.ts';
import { missingTensors, requiredTensors } from '../../src/model/parameters.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { initialWeights, isTrained } from '../../src/training/initialWeights.ts';

const network = makeNetwork('resnet18', 16, 10);
const weights = initialWeights(requiredTensors(network, 'logits'), 3);
const deviation = (name: string) => {
  const { data } = weights.get(name)!;
  return Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length);
};

test('has all tensors, in their shapes', () => {
  expect(missingTensors(network, weights, 'logits', 'initial')).toEqual([]);
  expect([...weights.keys()].filter((name) => !isTrained(name))).toHaveLength(40); // 20 batch norms
});

// the deviation of n normal numbers is known to 1 / sqrt(2 n); these have 2352 and more
test.each([
  ['conv1.weight', Math.sqrt(2 / (16 * 49))],
  ['layer2.0.conv1.weight', Math.sqrt(2 / (32 * 9))],
  ['layer4.0.downsample.0.weight', Math.sqrt(2 / 128)],
  ['fc.weight', Math.sqrt(1 / (3 * 128))],
])('%s has deviation %f', (name, expected) => {
  const count = weights.get(name)!.data.length;
  expect(Math.abs(deviation(name) / expected - 1)).toBeLessThan(4 / Math.sqrt(2 * count));
});

test('batch norms begin as the identity', () => {
  const all = (name: string) => [...new Set(weights.get(name)!.data)];
  expect(['weight', 'bias', 'running_mean', 'running_var'].map((f) => all(`layer1.0.bn2.${f}`))).toEqual([
    [1],
    [0],
    [0],
    [1],
  ]);
  expect(all('fc.bias')).toEqual([0]);
});

test('a seed decides, and every tensor has numbers of its own', () => {
  const bytesOf = (seed: number) =>
    writeSafetensors(initialWeights(requiredTensors(makeNetwork('resnet18', 2, 3), 'logits'), seed));
  expect(Buffer.compare(bytesOf(3), bytesOf(3))).toBe(0);
  expect(Buffer.compare(bytesOf(3), bytesOf(4))).not.toBe(0);
  const [a, b] = ['layer1.0.conv1.weight', 'layer1.0.conv2.weight'].map((name) => weights.get(name)!.data);
  expect(a.every((value, i) => value === b[i])).toBe(false);
});
