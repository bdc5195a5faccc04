// The default tiles: enough workgroups where there can be, large tiles where there are enough, and an order of summation
// that does not depend on the batch.

import { describe, expect, test } from 'vitest';
import {
  chooseTiling,
  DEPTH,
  guessedRule,
  LARGE_TILES,
  type Product,
  partsShape,
  TILES,
  type TileName,
  type TileRule,
  threadsOf,
  tilesOf,
} from '../../src/kernels/gemmTiling.ts';
import { CONVOLUTIONS } from '../support/resnet18.ts';

const WANTED = 256;

/** The product of a convolution, forward. */
const productOf = (
  { C, K, filter, size, stride }: (typeof CONVOLUTIONS)[number],
  samples: number,
): Product => ({
  outputs: K,
  depth: C * filter * filter,
  positions: Math.ceil(size / stride) ** 2,
  samples,
});

const workgroups = (product: Product, wanted = WANTED): number => {
  const tiling = chooseTiling(product, wanted);
  const [down, across] = tilesOf(product, tiling);
  return down * across * tiling.split;
};

describe('choices', () => {
  const rows: [string, Product, unknown][] = [
    [
      '56 x 56',
      { outputs: 64, depth: 576, positions: 3136, samples: 1 },
      { tile: [32, 32], tall: false, split: 2, unroll: true },
    ],
    [
      '56 x 56, 8 images',
      { outputs: 64, depth: 576, positions: 3136, samples: 8 },
      { tile: [64, 64], tall: true, split: 2, unroll: true },
    ],
    [
      '14 x 14',
      { outputs: 256, depth: 2304, positions: 196, samples: 1 },
      { tile: [32, 32], tall: false, split: 8, unroll: true },
    ],
    [
      '7 x 7',
      { outputs: 512, depth: 4608, positions: 49, samples: 1 },
      { tile: [32, 32], tall: false, split: 8, unroll: true },
    ],
    [
      'a window of 3 x 3',
      { outputs: 64, depth: 576, positions: 9, samples: 1 },
      { tile: [32, 32], tall: false, split: 8, unroll: true },
    ],
    [
      'short sums',
      { outputs: 8192, depth: 64, positions: 4, samples: 1 },
      { tile: [32, 32], tall: false, split: 1, unroll: true },
    ],
    [
      'the gradient of an image',
      { outputs: 12, depth: 1024, positions: 12544, samples: 1 },
      { tile: [16, 64], tall: false, split: 2, unroll: true },
    ],
  ];
  test.each(rows)('%s', (_, product, expected) => expect(chooseTiling(product, WANTED)).toEqual(expected));
});

describe.each(CONVOLUTIONS)('$C channels of $size x $size to $K, filter $filter', (convolution) => {
  test('the order of summation and therefore the bytes do not depend on the batch', () => {
    const { split } = chooseTiling(productOf(convolution, 1), WANTED);
    for (const samples of [2, 8, 32, 500])
      expect(chooseTiling(productOf(convolution, samples), WANTED).split).toBe(split);
  });

  test('keeps a large GPU busy, unless parts would get short', () => {
    const product = productOf(convolution, 1);
    const { split } = chooseTiling(product, WANTED);
    const canSplit = product.depth / (2 * split) >= 4 * DEPTH && split < 16;
    expect(workgroups(product) >= WANTED || !canSplit).toBe(true);
  });

  test('splits no sum where few workgroups are enough', () => {
    expect(chooseTiling(productOf(convolution, 1), 1)).toMatchObject({ split: 1, tile: [64, 64] });
  });

  test.each([1, 8, 32])('%i images: tiles that an adapter runs, and that the kernel can load', (samples) => {
    const tiling = chooseTiling(productOf(convolution, samples), WANTED);
    const [outputs, positions] = tiling.tile;
    expect(threadsOf(tiling)).toBeLessThanOrEqual(256);
    expect(threadsOf(tiling) % positions).toBe(0); // an invocation stays in its column
    expect(DEPTH % (threadsOf(tiling) / positions)).toBe(0);
    expect(4 * DEPTH * (outputs + positions)).toBeLessThanOrEqual(16384); // what every adapter allows
  });
});

const NAMES = Object.keys(TILES) as TileName[];

test.each(NAMES)('%s is a tile that an adapter runs, and that the kernel can load', (name) => {
  const tiling = { ...TILES[name], split: 1, unroll: true };
  const [outputs, positions] = tiling.tile;
  expect(threadsOf(tiling)).toBeLessThanOrEqual(256);
  expect(threadsOf(tiling) % positions).toBe(0);
  expect(DEPTH % (threadsOf(tiling) / positions)).toBe(0);
  expect(4 * DEPTH * (outputs + positions)).toBeLessThanOrEqual(16384);
});

test('a rule chooses tiles, never the parts of a sum', () => {
  const rules = LARGE_TILES.flatMap((large) =>
    NAMES.flatMap((tile) =>
      [1, 64, 4096].map((wanted): TileRule => ({ large, small: tile, few: tile, wanted })),
    ),
  );
  const chosen = new Set<string>();
  for (const convolution of CONVOLUTIONS)
    for (const outputs of [convolution.K, 12])
      for (const samples of [1, 8]) {
        const product = { ...productOf(convolution, samples), outputs };
        const { split } = chooseTiling(product, WANTED);
        for (const rule of rules) {
          const tiling = chooseTiling(product, WANTED, true, rule);
          expect(tiling.split).toBe(split);
          chosen.add(JSON.stringify(tiling.tile));
        }
      }
  expect(chosen.size).toBe(5); // two are 64 x 64
});

test('a rule for large products, small ones, and those of few outputs', () => {
  const rule: TileRule = { large: '128x64 tall', small: '32x64', few: '32x32', wanted: 100 };
  const tileOf = (outputs: number, samples: number) =>
    chooseTiling({ outputs, depth: 32, positions: 640, samples }, 1, true, rule).tile;
  expect(tileOf(128, 10)).toEqual([128, 64]); // 100 workgroups
  expect(tileOf(128, 9)).toEqual([32, 64]);
  expect(tileOf(16, 100)).toEqual([32, 32]);
  expect(chooseTiling(productOf(CONVOLUTIONS[0], 1), 64, true, guessedRule(64))).toEqual(
    chooseTiling(productOf(CONVOLUTIONS[0], 1), 64),
  );
});

test('parts have a place for every result of every sample', () => {
  const product = { outputs: 5, depth: 999, positions: 7, samples: 3 };
  expect(partsShape(product, { tile: [32, 32], tall: false, split: 4, unroll: true })).toEqual([4, 5, 21]);
});
