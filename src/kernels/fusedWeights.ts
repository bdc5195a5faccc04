// The weights of fusedConv: a batch norm folded in, in one table of texels per direction (fusedConv.ts has their shapes).

import { elements, type Shape } from './op.ts';
import { texels } from './pack.ts';

/** Shape of the weights that the forward pass reads: [C/4, taps, outputs, 4]. */
export const weightTable = ([K, C, R, S]: Shape): Shape => [texels(C), R * S, 4 * texels(K), 4];

/** Shape of the weights that the gradient reads: [K/4, taps, phases times channels, 4]. */
export const gradientTable = ([K, C, R, S]: Shape, stride: number): Shape => [
  texels(K),
  Math.ceil(R / stride) * Math.ceil(S / stride),
  stride * stride * 4 * texels(C),
  4,
];

export interface PackedConvolution {
  w: { shape: Shape; data: Float32Array };
  v: { shape: Shape; data: Float32Array };
  bias: Float32Array;
}

export interface FoldableNorm {
  gamma: ArrayLike<number>;
  beta: ArrayLike<number>;
  mean: ArrayLike<number>;
  variance: ArrayLike<number>;
  eps: number;
}

/** Folds a batch norm into weights [K,C,R,S], in float64, and packs them for both directions. */
export function packConvolution(
  weights: ArrayLike<number>,
  [K, C, R, S]: Shape,
  stride: number,
  norm: FoldableNorm,
): PackedConvolution {
  const scale = Float64Array.from(
    { length: K },
    (_, k) => norm.gamma[k] / Math.sqrt(norm.variance[k] + norm.eps),
  );
  const weight = (k: number, c: number, r: number, s: number) =>
    k < K && c < C ? weights[((k * C + c) * R + r) * S + s] * scale[k] : 0;
  const outputs = 4 * texels(K);
  const table = weightTable([K, C, R, S]);
  const w = { shape: table, data: new Float32Array(elements(table)) };
  let at = 0;
  for (let c = 0; c < 4 * texels(C); c += 4)
    for (let r = 0; r < R; r++)
      for (let s = 0; s < S; s++)
        for (let k = 0; k < outputs; k++) for (let i = 0; i < 4; i++) w.data[at++] = weight(k, c + i, r, s);
  const bias = new Float32Array(outputs);
  for (let k = 0; k < K; k++) bias[k] = norm.beta[k] - norm.mean[k] * scale[k];
  return { w, v: packForGradient(weight, [K, C, R, S], stride), bias };
}

/** Tap (i,j) of phase (a,b) is the weight at r = a + stride (taps-1-i), turned, or 0 beyond the filter. */
function packForGradient(
  weight: (k: number, c: number, r: number, s: number) => number,
  [K, C, R, S]: Shape,
  stride: number,
): PackedConvolution['v'] {
  const [rows, columns] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const shape = gradientTable([K, C, R, S], stride);
  const data = new Float32Array(elements(shape));
  let at = 0;
  for (let k = 0; k < 4 * texels(K); k += 4)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let a = 0; a < stride; a++)
          for (let b = 0; b < stride; b++)
            for (let c = 0; c < 4 * texels(C); c++) {
              const [r, s] = [a + stride * (rows - 1 - i), b + stride * (columns - 1 - j)];
              const inside = r < R && s < S;
              for (let l = 0; l < 4; l++) data[at++] = inside ? weight(k + l, c, r, s) : 0;
            }
  return { shape, data };
}
