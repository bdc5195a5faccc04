// Pictures and tensors that a formula gives: the same as in test/fixtures/make_preprocess.py.

import type { Pixels } from '../../src/model/preprocess.ts';

/** Multiplicative hash of a whole number: a 32-bit word. */
const word = (i: number): number => Math.imul(i, 2654435761) >>> 0;

/** 8-bit noise on a ramp, (height, width, 3). */
export function picture(height: number, width: number): Pixels {
  const count = height * width * 3;
  const data = Uint8Array.from({ length: count }, (_, i) => (word(i) >>> 25) + Math.floor((i * 128) / count));
  return { height, width, data };
}

/** `count` values from -2 to 2. */
export const tensorValues = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => word(i) / 2 ** 30 - 2);
