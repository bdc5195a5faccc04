// When a convolution takes Winograd's way: as measured on 16 lanes (docs/log.md).

import { expect, test } from 'vitest';
import { winogradPays } from '../../src/kernels/simdWinograd.ts';

const pays = (channels: number, size: number) =>
  winogradPays(16, {
    ...{ C4: channels / 4, H: size, W: size, P: size, Q: size, top: 1, left: 1 },
    ...{ outputs: channels, rectify: 0 },
  });

test.each([
  [64, 56],
  [128, 28],
  [128, 19],
  [256, 14],
])('%d channels of %d pixels do', (channels, size) => expect(pays(channels, size)).toBe(true));

test.each([
  [64, 9], // the largest window of 1.1
  [64, 15], // here and at 11 the count, not a measurement: the plain sum leaves out padding
  [128, 11],
  [128, 5],
  [256, 5],
  [512, 7], // its weights leave the cache
  [8, 56], // lanes without outputs
])('%d channels of %d pixels do not', (channels, size) => expect(pays(channels, size)).toBe(false));
