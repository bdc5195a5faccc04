// Single elements of a convolution and of its gradient, as float64 sums written down directly: for shapes where
// the plain reference, which computes every element, takes too long. Checked against it in reference.test.ts.

import type { Array64, Conv2dSettings } from '../../src/kernels/reference.ts';
import { between, generator } from './arrays.ts';

const outputs = (
  { shape: [, , H, W] }: Array64,
  { shape: [, , R, S] }: Array64,
  { stride, pad }: Conv2dSettings,
) =>
  [
    Math.floor((H + pad[0] + pad[2] - R) / stride) + 1,
    Math.floor((W + pad[1] + pad[3] - S) / stride) + 1,
  ] as const;

/** y at the given flat indices. */
export function sampledConv2d(
  x: Array64,
  w: Array64,
  settings: Conv2dSettings,
  at: readonly number[],
): Float64Array {
  const [, C, H, W] = x.shape;
  const [K, , R, S] = w.shape;
  const [P, Q] = outputs(x, w, settings);
  return Float64Array.from(at, (index) => {
    const [n, k] = [Math.floor(index / (K * P * Q)), Math.floor(index / (P * Q)) % K];
    const top = (Math.floor(index / Q) % P) * settings.stride - settings.pad[0];
    const left = (index % Q) * settings.stride - settings.pad[1];
    let sum = 0;
    for (let c = 0; c < C; c++)
      for (let r = 0; r < R; r++)
        for (let s = 0; s < S; s++) {
          if (top + r < 0 || top + r >= H || left + s < 0 || left + s >= W) continue;
          sum += w.data[((k * C + c) * R + r) * S + s] * x.data[((n * C + c) * H + top + r) * W + left + s];
        }
    return sum;
  });
}

/** dx at the given flat indices: the filter position r reaches row h from output p where p*stride - top + r = h. */
export function sampledConv2dBackwardX(
  dy: Array64,
  x: Array64,
  w: Array64,
  settings: Conv2dSettings,
  at: readonly number[],
): Float64Array {
  const [, C, H, W] = x.shape;
  const [K, , R, S] = w.shape;
  const [P, Q] = outputs(x, w, settings);
  return Float64Array.from(at, (index) => {
    const [n, c] = [Math.floor(index / (C * H * W)), Math.floor(index / (H * W)) % C];
    const [h, v] = [Math.floor(index / W) % H, index % W];
    let sum = 0;
    for (let r = 0; r < R; r++)
      for (let s = 0; s < S; s++) {
        const p = (h + settings.pad[0] - r) / settings.stride;
        const q = (v + settings.pad[1] - s) / settings.stride;
        if (!Number.isInteger(p) || !Number.isInteger(q) || p < 0 || p >= P || q < 0 || q >= Q) continue;
        for (let k = 0; k < K; k++)
          sum += w.data[((k * C + c) * R + r) * S + s] * dy.data[((n * K + k) * P + p) * Q + q];
      }
    return sum;
  });
}

/** Indices into an array of this shape: the corners of the first and last planes, and `count` random ones. */
export function sampleOf(seed: string, shape: readonly number[], count: number): number[] {
  const next = generator(`sample ${seed}`);
  const total = shape.reduce((a, b) => a * b, 1);
  const [H, W] = shape.slice(-2);
  const corners = [0, W - 1, (H - 1) * W, H * W - 1];
  return [
    ...corners,
    ...corners.map((corner) => total - H * W + corner),
    ...Array.from({ length: count }, () => between(next, 0, total - 1)),
  ];
}
