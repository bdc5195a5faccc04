// How the SIMD kernels keep a spectrum [N,C,H,F,2]: in records [N,C,PAIRS,F,4R], so that all values that one invocation of
// simdSpectrumFold.ts takes lie side by side. With H = R G the record of pair g and column fx holds, as complex numbers,
//   p[g + G j] for j < R, then p[G - g + G j] for j < R; where g is its own partner the second half is 0 and stays 0.

import type { Shape } from './op.ts';

/** Residues of rows, frequencies of one, and their pairs (g, G - g). */
export interface Radix {
  R: number;
  G: number;
  PAIRS: number;
}

/** One radix-4 step where four divide the rows. */
export function radixOf(H: number): Radix {
  const R = H % 4 === 0 ? 4 : 1;
  const G = H / R;
  return { R, G, PAIRS: Math.floor(G / 2) + 1 };
}

/** Shape of the records of a spectrum [N,C,H,F,2]. */
export function recordsShape([N, C, H, F]: Shape): Shape {
  const { R, PAIRS } = radixOf(H);
  return [N, C, PAIRS, F, 4 * R];
}

/** Calls visit with the place of every real part in a spectrum [planes,H,F,2] and in its records. */
function forEachValue([planes, H, F]: Shape, visit: (planar: number, recorded: number) => void): void {
  const { R, G, PAIRS } = radixOf(H);
  for (let plane = 0; plane < planes; plane++)
    for (let y = 0; y < H; y++) {
      const [j, r] = [Math.floor(y / G), y % G];
      const pair = Math.min(r, (G - r) % G);
      const first = 2 * (r === pair ? j : R + j);
      for (let fx = 0; fx < F; fx++)
        visit(2 * ((plane * H + y) * F + fx), 4 * R * ((plane * PAIRS + pair) * F + fx) + first);
    }
}

export type Floats = Float32Array | Float64Array;

const zerosLike = <T extends Floats>(given: T, length: number): T =>
  new (given.constructor as new (length: number) => T)(length);

/** The records of spectra [planes,H,F,2]. */
export function recordsOf<T extends Floats>(spectra: T, H: number, F: number): T {
  const planes = spectra.length / (2 * H * F);
  const { R, PAIRS } = radixOf(H);
  const records = zerosLike(spectra, planes * PAIRS * F * 4 * R);
  forEachValue([planes, H, F], (planar, recorded) => {
    records[recorded] = spectra[planar];
    records[recorded + 1] = spectra[planar + 1];
  });
  return records;
}

/** The spectra [planes,H,F,2] of records. */
export function spectraOf<T extends Floats>(records: T, H: number, F: number): T {
  const { R, PAIRS } = radixOf(H);
  const planes = records.length / (PAIRS * F * 4 * R);
  const spectra = zerosLike(records, planes * H * F * 2);
  forEachValue([planes, H, F], (planar, recorded) => {
    spectra[planar] = records[recorded];
    spectra[planar + 1] = records[recorded + 1];
  });
  return spectra;
}

/**
 * The frequency scale [H,F], which is the same at fy and H - fy, for records: texel (g,fx) of [PAIRS,F,4] has that of
 * g + G j for j < R; of R = 1 the rest is 0.
 */
export function scaleTexels(
  scale: ArrayLike<number>,
  H: number,
  F: number,
): { shape: Shape; data: Float32Array } {
  const { R, G, PAIRS } = radixOf(H);
  const data = new Float32Array(PAIRS * F * 4);
  for (let g = 0; g < PAIRS; g++)
    for (let fx = 0; fx < F; fx++)
      for (let j = 0; j < R; j++) data[4 * (g * F + fx) + j] = scale[(g + G * j) * F + fx];
  return { shape: [PAIRS, F, 4], data };
}
