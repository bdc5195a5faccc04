// Which units a step case takes, on networks of any width.

import { expect, test } from 'vitest';
import { stepCases } from '../../bench/stepCase.ts';
import { makeNetwork } from '../../src/model/network.ts';

test('a batch takes the channels from the case on, and from 0 where they end', () => {
  const network = makeNetwork('resnet18');
  const [one, many] = stepCases(network, ['1.1.O'], [1, 64]);
  expect(one.channels).toEqual([19]);
  expect(many.channels).toHaveLength(64);
  expect(many.channels.slice(43)).toEqual([62, 63, ...Array.from({ length: 19 }, (_, i) => i)]);
});

test('more units than channels are refused', () => {
  expect(() => stepCases(makeNetwork('resnet18'), ['1.1.O'], [65])).toThrow(
    '1.1.O has 64 channels, not 65 units.',
  );
});
