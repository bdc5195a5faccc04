// The weights of gemmConv, with a batch norm folded in, as matrices of one row per term of the sum:
//   w [C R S, K]                      row (c,r,s), column k: weight[k,c,r,s]
//   v [K R' S', stride^2 C]           row (k,i,j), column (phase,c): see gemmConv.ts
// Rows are filled up with zeros to a multiple of four columns, so that one load takes four.

import type { FoldableNorm } from './fusedWeights.ts';
import type { Shape } from './op.ts';

export interface GemmWeights {
  w: Float32Array;
  v: Float32Array;
  bias: Float32Array;
}

const columnsOf = (outputs: number): number => 4 * Math.ceil(outputs / 4);

/** Shape of w. */
export const weightMatrix = ([K, C, R, S]: Shape): Shape => [C * R * S, columnsOf(K)];

/** Shape of v. */
export const gradientMatrix = ([K, C, R, S]: Shape, stride: number): Shape => [
  K * Math.ceil(R / stride) * Math.ceil(S / stride),
  columnsOf(stride * stride * C),
];

/** Folds a batch norm into weights [K,C,R,S], in float64, and lays them out for both directions. */
export function packForGemm(
  weights: ArrayLike<number>,
  shape: Shape,
  stride: number,
  norm: FoldableNorm,
): GemmWeights {
  const [K, C, R, S] = shape;
  const scale = Float64Array.from(
    { length: K },
    (_, k) => norm.gamma[k] / Math.sqrt(norm.variance[k] + norm.eps),
  );
  const weight = (k: number, c: number, r: number, s: number) =>
    weights[((k * C + c) * R + r) * S + s] * scale[k];
  const [rows, columns] = weightMatrix(shape);
  const w = new Float32Array(rows * columns);
  for (let k = 0; k < K; k++)
    for (let c = 0; c < C; c++)
      for (let r = 0; r < R; r++)
        for (let s = 0; s < S; s++) w[((c * R + r) * S + s) * columns + k] = weight(k, c, r, s);
  const bias = Float32Array.from({ length: K }, (_, k) => norm.beta[k] - norm.mean[k] * scale[k]);
  return { w, v: turned(weight, shape, stride), bias };
}

/** Tap (i,j) of phase (a,b) is the weight at r = a + stride (taps-1-i), turned, or 0 beyond the filter. */
function turned(
  weight: (k: number, c: number, r: number, s: number) => number,
  [K, C, R, S]: Shape,
  stride: number,
): Float32Array {
  const [rows, columns] = gradientMatrix([K, C, R, S], stride);
  const [down, across] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const v = new Float32Array(rows * columns);
  for (let r = 0; r < R; r++)
    for (let s = 0; s < S; s++) {
      const phase = (r % stride) * stride + (s % stride);
      const [i, j] = [down - 1 - Math.floor(r / stride), across - 1 - Math.floor(s / stride)];
      for (let k = 0; k < K; k++)
        for (let c = 0; c < C; c++)
          v[((k * down + i) * across + j) * columns + phase * C + c] = weight(k, c, r, s);
    }
  return v;
}
