// All of the mathematics in plain float64 loops, forward and backward: read this file first.
// Every GPU kernel is tested against the function of the same name here, and every backward
// function here is tested against central differences of its forward. trainingReference.ts has what only training needs.
//
// N batch, C input channels, K output channels, H W input, P Q output, R S filter. Arrays are dense
// and row-major: [N,C,H,W] means index ((n*C + c)*H + h)*W + w. `dx` is the gradient of x: the
// derivative of sum(y * dy) by x. Sizes are checked where the ops are described (op.ts), not here.

/** A dense row-major array in float64. */
export interface Array64 {
  shape: readonly number[];
  data: Float64Array;
}

export const zeros = (...shape: number[]): Array64 => ({
  shape,
  data: new Float64Array(shape.reduce((a, b) => a * b, 1)),
});

// ---------------------------------------------------------------- convolution
// y[n,k,p,q] = sum_{c,r,s} w[k,c,r,s] x[n,c,h,v]   with h = p*stride - top + r, v = q*stride - left + s
// Outside x reads 0. Padding is per side; a negative padding starts reading inside x (a window).

export interface Conv2dSettings {
  stride: number;
  /** top, left, bottom, right */
  pad: readonly [number, number, number, number];
}

/** Calls `visit` with the flat indices of every product x*w that enters y. */
export function forEachProduct(
  [N, C, H, W]: readonly number[],
  [K, , R, S]: readonly number[],
  { stride, pad: [top, left, bottom, right] }: Conv2dSettings,
  visit: (x: number, w: number, y: number) => void,
): void {
  const P = Math.floor((H + top + bottom - R) / stride) + 1;
  const Q = Math.floor((W + left + right - S) / stride) + 1;
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++)
      for (let p = 0; p < P; p++)
        for (let q = 0; q < Q; q++)
          for (let c = 0; c < C; c++)
            for (let r = 0; r < R; r++)
              for (let s = 0; s < S; s++) {
                const h = p * stride - top + r;
                const v = q * stride - left + s;
                if (h < 0 || h >= H || v < 0 || v >= W) continue;
                visit(
                  ((n * C + c) * H + h) * W + v,
                  ((k * C + c) * R + r) * S + s,
                  ((n * K + k) * P + p) * Q + q,
                );
              }
}

export function conv2d(x: Array64, w: Array64, settings: Conv2dSettings): Array64 {
  const [N, , H, W] = x.shape;
  const [K, , R, S] = w.shape;
  const { stride, pad } = settings;
  const y = zeros(
    N,
    K,
    Math.floor((H + pad[0] + pad[2] - R) / stride) + 1,
    Math.floor((W + pad[1] + pad[3] - S) / stride) + 1,
  );
  forEachProduct(x.shape, w.shape, settings, (i, j, o) => {
    y.data[o] += w.data[j] * x.data[i];
  });
  return y;
}

export function conv2dBackwardX(dy: Array64, x: Array64, w: Array64, settings: Conv2dSettings): Array64 {
  const dx = zeros(...x.shape);
  forEachProduct(x.shape, w.shape, settings, (i, j, o) => {
    dx.data[i] += w.data[j] * dy.data[o];
  });
  return dx;
}

// ---------------------------------------------------------------- batch norm (inference)
// y = gamma (x - mean) / sqrt(variance + eps) + beta, per channel, with stored statistics

export interface BatchNormParameters {
  gamma: Float64Array;
  beta: Float64Array;
  mean: Float64Array;
  variance: Float64Array;
  eps: number;
}

/** The channel of a flat index of an [N,C,...] array. */
export const channelOf = ({ shape, data }: Array64, i: number): number =>
  Math.floor(i / (data.length / (shape[0] * shape[1]))) % shape[1];

const map = (x: Array64, f: (value: number, i: number) => number): Array64 => ({
  shape: x.shape,
  data: x.data.map(f),
});

export const batchNorm = (x: Array64, { gamma, beta, mean, variance, eps }: BatchNormParameters): Array64 =>
  map(x, (v, i) => {
    const c = channelOf(x, i);
    return (gamma[c] * (v - mean[c])) / Math.sqrt(variance[c] + eps) + beta[c];
  });

export const batchNormBackwardX = (dy: Array64, { gamma, variance, eps }: BatchNormParameters): Array64 =>
  map(dy, (d, i) => {
    const c = channelOf(dy, i);
    return (gamma[c] * d) / Math.sqrt(variance[c] + eps);
  });

// ---------------------------------------------------------------- ReLU
// y = max(x, 0); the gradient at x = 0 is 0, as in PyTorch

export const relu = (x: Array64): Array64 => map(x, (v) => Math.max(v, 0));
export const reluBackwardX = (dy: Array64, x: Array64): Array64 => map(dy, (d, i) => (x.data[i] > 0 ? d : 0));

// ---------------------------------------------------------------- residual add
// y = a + b, where a is the window of the larger array that starts at `offset`; b has the size of y

export interface AddSettings {
  /** first row and column of `a` that y covers */
  offset: readonly [number, number];
}

export function add(a: Array64, b: Array64, { offset: [top, left] }: AddSettings): Array64 {
  const [, , H, W] = a.shape;
  const [, , P, Q] = b.shape;
  return map(b, (v, i) => {
    const plane = Math.floor(i / (P * Q));
    const p = Math.floor(i / Q) % P;
    return v + a.data[(plane * H + p + top) * W + (i % Q) + left];
  });
}

export function addBackwardA(dy: Array64, a: Array64, { offset: [top, left] }: AddSettings): Array64 {
  const [, , H, W] = a.shape;
  const [, , P, Q] = dy.shape;
  return map(a, (_, i) => {
    const plane = Math.floor(i / (H * W));
    const p = (Math.floor(i / W) % H) - top;
    const q = (i % W) - left;
    return p >= 0 && p < P && q >= 0 && q < Q ? dy.data[(plane * P + p) * Q + q] : 0;
  });
}

export const addBackwardB = (dy: Array64): Array64 => map(dy, (d) => d);

// ---------------------------------------------------------------- max pool
// y = max over the window; outside x is ignored. argmax keeps h*W + w of the first maximum, and the
// gradient goes there and nowhere else.

export interface MaxPoolSettings extends Conv2dSettings {
  size: number;
}

export function maxPool(x: Array64, { size, stride, pad }: MaxPoolSettings): { y: Array64; argmax: Array64 } {
  const [N, C, H, W] = x.shape;
  const P = Math.floor((H + pad[0] + pad[2] - size) / stride) + 1;
  const Q = Math.floor((W + pad[1] + pad[3] - size) / stride) + 1;
  const y = zeros(N, C, P, Q);
  const argmax = zeros(N, C, P, Q);
  for (let o = 0; o < y.data.length; o++) {
    const plane = Math.floor(o / (P * Q)) * H * W;
    y.data[o] = -Infinity;
    for (let r = 0; r < size; r++)
      for (let s = 0; s < size; s++) {
        const h = (Math.floor(o / Q) % P) * stride - pad[0] + r;
        const v = (o % Q) * stride - pad[1] + s;
        if (h < 0 || h >= H || v < 0 || v >= W || x.data[plane + h * W + v] <= y.data[o]) continue;
        y.data[o] = x.data[plane + h * W + v];
        argmax.data[o] = h * W + v;
      }
  }
  return { y, argmax };
}

export function maxPoolBackwardX(dy: Array64, x: Array64, argmax: Array64): Array64 {
  const dx = zeros(...x.shape);
  const plane = x.shape[2] * x.shape[3];
  const outputs = dy.shape[2] * dy.shape[3];
  dy.data.forEach((d, o) => {
    dx.data[Math.floor(o / outputs) * plane + argmax.data[o]] += d;
  });
  return dx;
}

// ---------------------------------------------------------------- head
// global average pool: y[n,c] = mean over h,w of x        linear: y[n,k] = sum_c w[k,c] x[n,c] + b[k]

export function globalAveragePool(x: Array64): Array64 {
  const [N, C, H, W] = x.shape;
  const y = zeros(N, C);
  x.data.forEach((v, i) => {
    y.data[Math.floor(i / (H * W))] += v / (H * W);
  });
  return y;
}

export const globalAveragePoolBackwardX = (dy: Array64, x: Array64): Array64 => {
  const pixels = x.shape[2] * x.shape[3];
  return map(x, (_, i) => dy.data[Math.floor(i / pixels)] / pixels);
};

export function linear(x: Array64, w: Array64, b: Array64): Array64 {
  const [N, C] = x.shape;
  const [K] = w.shape;
  const y = zeros(N, K);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++) {
      y.data[n * K + k] = b.data[k];
      for (let c = 0; c < C; c++) y.data[n * K + k] += w.data[k * C + c] * x.data[n * C + c];
    }
  return y;
}

export function linearBackwardX(dy: Array64, w: Array64): Array64 {
  const [K, C] = w.shape;
  const dx = zeros(dy.shape[0], C);
  for (let n = 0; n < dx.shape[0]; n++)
    for (let c = 0; c < C; c++)
      for (let k = 0; k < K; k++) dx.data[n * C + c] += w.data[k * C + c] * dy.data[n * K + k];
  return dx;
}

// ---------------------------------------------------------------- the objective
// y[n] = mean of x[n, channel[n], h, w] over a region: one pixel for a centre unit, all for a channel

export interface ObjectiveSettings {
  channels: ArrayLike<number>;
  /** first row, first column, rows, columns */
  region: readonly [number, number, number, number];
}

/** Calls `visit` with each sample and the flat index of each pixel of its region. */
function forEachRegionPixel(
  [N, C, H, W]: readonly number[],
  { channels, region: [top, left, rows, columns] }: ObjectiveSettings,
  visit: (n: number, i: number) => void,
): void {
  for (let n = 0; n < N; n++)
    for (let h = top; h < top + rows; h++)
      for (let v = left; v < left + columns; v++) visit(n, ((n * C + channels[n]) * H + h) * W + v);
}

export function objective(x: Array64, settings: ObjectiveSettings): Array64 {
  const y = zeros(x.shape[0]);
  const pixels = settings.region[2] * settings.region[3];
  forEachRegionPixel(x.shape, settings, (n, i) => {
    y.data[n] += x.data[i] / pixels;
  });
  return y;
}

export function objectiveBackwardX(dy: Array64, x: Array64, settings: ObjectiveSettings): Array64 {
  const dx = zeros(...x.shape);
  const pixels = settings.region[2] * settings.region[3];
  forEachRegionPixel(x.shape, settings, (n, i) => {
    dx.data[i] = dy.data[n] / pixels;
  });
  return dx;
}

// ---------------------------------------------------------------- Adam
// m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p += lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps)
// The sign is for ascent. Kingma & Ba 2015; PyTorch's defaults.

export const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** One step at time t >= 1, in place. */
export function adam(p: Array64, m: Array64, v: Array64, g: Array64, learningRate: number, t: number): void {
  const { beta1, beta2, eps } = ADAM;
  for (let i = 0; i < p.data.length; i++) {
    m.data[i] = beta1 * m.data[i] + (1 - beta1) * g.data[i];
    v.data[i] = beta2 * v.data[i] + (1 - beta2) * g.data[i] ** 2;
    const mHat = m.data[i] / (1 - beta1 ** t);
    const vHat = v.data[i] / (1 - beta2 ** t);
    p.data[i] += (learningRate * mHat) / (Math.sqrt(vHat) + eps);
  }
}
