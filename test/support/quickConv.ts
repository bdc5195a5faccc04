// The convolution and its gradient of reference.ts, in an order of loops that is ten times as fast: the filter outside,
// rows of the result inside, borders found once per row. Still float64, still every product. For references of whole
// networks; quickConv.test.ts compares it with the plain loops.

import { type Array64, type Conv2dSettings, zeros } from '../../src/kernels/reference.ts';

/** First and last + 1 of the outputs o for which 0 <= o * stride + shift < size. */
const range = (size: number, outputs: number, stride: number, shift: number): [number, number] => [
  Math.max(0, Math.ceil(-shift / stride)),
  Math.min(outputs, Math.floor((size - 1 - shift) / stride) + 1),
];

/** Calls `row` with every run of products: indices of the first x, of w, of the first y, and how many. */
function forEachRow(
  x: readonly number[],
  w: readonly number[],
  { stride, pad: [top, left] }: Conv2dSettings,
  [, , P, Q]: readonly number[],
  row: (xi: number, wi: number, yi: number, count: number) => void,
): void {
  const [N, C, H, W] = x;
  const [K, , R, S] = w;
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++)
      for (let c = 0; c < C; c++)
        for (let r = 0; r < R; r++)
          for (let s = 0; s < S; s++) {
            const [p0, p1] = range(H, P, stride, r - top);
            const [q0, q1] = range(W, Q, stride, s - left);
            for (let p = p0; p < p1; p++) {
              const xi = ((n * C + c) * H + p * stride - top + r) * W + q0 * stride - left + s;
              row(xi, ((k * C + c) * R + r) * S + s, ((n * K + k) * P + p) * Q + q0, q1 - q0);
            }
          }
}

const outputShape = (x: Array64, w: Array64, { stride, pad }: Conv2dSettings): number[] => {
  const [N, , H, W] = x.shape;
  const [K, , R, S] = w.shape;
  const rows = Math.floor((H + pad[0] + pad[2] - R) / stride) + 1;
  return [N, K, rows, Math.floor((W + pad[1] + pad[3] - S) / stride) + 1];
};

/** As reference.conv2d. */
export function quickConv2d(x: Array64, w: Array64, settings: Conv2dSettings): Array64 {
  const y = zeros(...outputShape(x, w, settings));
  const [from, to, { stride }] = [x.data, y.data, settings];
  forEachRow(x.shape, w.shape, settings, y.shape, (xi, wi, yi, count) => {
    const weight = w.data[wi];
    for (let i = 0; i < count; i++) to[yi + i] += weight * from[xi + i * stride];
  });
  return y;
}

/** As reference.conv2dBackwardX. */
export function quickConv2dBackwardX(dy: Array64, x: Array64, w: Array64, settings: Conv2dSettings): Array64 {
  const dx = zeros(...x.shape);
  const [from, to, { stride }] = [dy.data, dx.data, settings];
  forEachRow(x.shape, w.shape, settings, dy.shape, (xi, wi, yi, count) => {
    const weight = w.data[wi];
    for (let i = 0; i < count; i++) to[xi + i * stride] += weight * from[yi + i];
  });
  return dx;
}
