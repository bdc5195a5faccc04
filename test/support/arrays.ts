// Arrays for tests: seeded, and rounded to float32 so that the float64 reference and the GPU see the same numbers.
// The generator is mulberry32: small, fast, and not the one under test.

import { type Array64, zeros } from '../../src/kernels/reference.ts';

/** Uniform on [0,1), seeded by a text. */
export function generator(seed: string): () => number {
  let state = 2166136261;
  for (const character of seed) state = Math.imul(state ^ character.charCodeAt(0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Whole number, low <= n <= high. */
export const between = (next: () => number, low: number, high: number): number =>
  low + Math.floor(next() * (high - low + 1));

/** Fills a new array with f(index), rounded to float32. */
export function filled(shape: readonly number[], f: (i: number) => number): Array64 {
  const array = zeros(...shape);
  for (let i = 0; i < array.data.length; i++) array.data[i] = Math.fround(f(i));
  return array;
}

/** Uniform with variance 1 about `mean`. */
export function randomArray(seed: string, shape: readonly number[], mean = 0): Array64 {
  const next = generator(seed);
  return filled(shape, () => mean + (2 * next() - 1) * Math.sqrt(3));
}

/** Small whole numbers, so that ties and exact zeros are frequent. */
export function randomIntegers(seed: string, shape: readonly number[], low = -2, high = 2): Array64 {
  const next = generator(seed);
  return filled(shape, () => between(next, low, high));
}

/** A random order of distinct values 0.05 apart, none of them 0: no two can trade places in a finite difference. */
export function distinctArray(seed: string, shape: readonly number[]): Array64 {
  const next = generator(seed);
  const array = zeros(...shape);
  const count = array.data.length;
  for (let i = 0; i < count; i++) array.data[i] = 0.05 * (i - count / 2 + 0.3);
  for (let i = count - 1; i > 0; i--) {
    const j = between(next, 0, i);
    [array.data[i], array.data[j]] = [array.data[j], array.data[i]];
  }
  return array;
}

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** sqrt(sum (a b)^2): how large the inner product of such vectors typically is. */
export const typicalDot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] * b[i]) ** 2;
  return Math.sqrt(sum);
};
