// Which rule times lead to: made-up times, for real ones are noise.

import { expect, test } from 'vitest';
import { chooseTiles } from '../../src/engine/tileChoice.ts';
import { CONVOLUTIONS, productOf, type TimedProduct } from '../../src/engine/tuner.ts';
import { chooseTiling, guessedRule, TILES, type TileName, tileNameOf } from '../../src/kernels/gemmTiling.ts';

const GUESS = { ...guessedRule(64), unroll: true };

type Time = (tile: TileName, unroll: boolean, timed: Omit<TimedProduct, 'times'>) => number | undefined;

/** All products, one image and eight, with made-up times. */
const timed = (time: Time): TimedProduct[] =>
  CONVOLUTIONS.flatMap((convolution) =>
    [1, 8].map((samples) => {
      const product = productOf(convolution, samples);
      const { split } = chooseTiling(product, GUESS.wanted);
      const about = { name: convolution.name, product, split };
      const times = [true, false].flatMap((unroll) =>
        (Object.keys(TILES) as TileName[]).map((tile) => ({ tile, unroll, ms: time(tile, unroll, about) })),
      );
      return { ...about, times };
    }),
  );

test('no difference: the guess', () => {
  for (const ms of [1, 0])
    expect(
      chooseTiles(
        timed(() => ms),
        GUESS,
      ),
    ).toEqual({ tiles: GUESS, gain: 1 });
  expect(chooseTiles([], GUESS)).toEqual({ tiles: GUESS, gain: 1 });
});

test('a difference within the noise: the guess', () => {
  const noisy = timed((tile) => (tile === '32x64' ? 0.99 : 1));
  expect(chooseTiles(noisy, GUESS)).toEqual({ tiles: GUESS, gain: 1 });
});

test('one tile that is twice as fast everywhere', () => {
  const { tiles, gain } = chooseTiles(
    timed((tile) => (tile === '32x64' ? 1 : 2)),
    GUESS,
  );
  expect(tiles).toEqual({ ...GUESS, large: '32x64', small: '32x64', few: '32x64' });
  expect(gain).toBeCloseTo(2, 12);
});

test('rolled loops', () => {
  const { tiles } = chooseTiles(
    timed((_, unroll) => (unroll ? 3 : 1)),
    GUESS,
  );
  expect(tiles).toEqual({ ...GUESS, unroll: false });
});

test('an adapter that wants more workgroups, and few outputs in a tile of their own', () => {
  const own = { ...GUESS, large: '128x64 tall', small: '32x64', few: '64x64', wanted: 512 } as const;
  const times = timed((tile, _, { product, split }) => (tile === tileNameOf(product, split, own) ? 1 : 2));
  const { tiles, gain } = chooseTiles(times, GUESS);
  for (const { product, split } of times)
    expect(tileNameOf(product, split, tiles)).toBe(tileNameOf(product, split, own));
  expect(gain).toBeGreaterThan(1.5);
});

test('a tile that gave other bytes anywhere is chosen nowhere', () => {
  const times = timed((tile, _, { name }) => {
    if (tile !== '64x64') return 2;
    return name === CONVOLUTIONS[3].name ? undefined : 1;
  });
  const { large, small, few } = chooseTiles(times, GUESS).tiles;
  expect([large, small, few]).not.toContain('64x64');
});
