// What training adds to reference.ts, in the same plain float64 loops: gradients that reach the weights, batch norm with
// the statistics of the batch, the loss, and a step of stochastic gradient descent. Conventions are those of reference.ts.

import { type Array64, type Conv2dSettings, channelOf, forEachProduct, zeros } from './reference.ts';

// ---------------------------------------------------------------- gradients of weights
// dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,h,v]        dw[k,c] = sum_n dy[n,k] x[n,c]        db[k] = sum_n dy[n,k]

export function conv2dBackwardW(dy: Array64, x: Array64, w: Array64, settings: Conv2dSettings): Array64 {
  const dw = zeros(...w.shape);
  forEachProduct(x.shape, w.shape, settings, (i, j, o) => {
    dw.data[j] += dy.data[o] * x.data[i];
  });
  return dw;
}

export function linearBackwardW(dy: Array64, x: Array64): Array64 {
  const [N, C] = x.shape;
  const [, K] = dy.shape;
  const dw = zeros(K, C);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++)
      for (let c = 0; c < C; c++) dw.data[k * C + c] += dy.data[n * K + k] * x.data[n * C + c];
  return dw;
}

export function linearBackwardB(dy: Array64): Array64 {
  const [, K] = dy.shape;
  const db = zeros(K);
  dy.data.forEach((d, i) => {
    db.data[i % K] += d;
  });
  return db;
}

// ---------------------------------------------------------------- batch norm (training)
// y = gamma z + beta with z = (x - mean) / sqrt(variance + eps), mean and variance over samples and pixels.
// Ioffe & Szegedy 2015

export interface BatchStatistics {
  mean: Float64Array;
  /** divided by the count */
  variance: Float64Array;
  /** numbers per channel */
  count: number;
}

/** Adds f(i) to the channel of i, for all elements. */
function sumByChannel(x: Array64, f: (i: number) => number): Float64Array {
  const sums = new Float64Array(x.shape[1]);
  for (let i = 0; i < x.data.length; i++) sums[channelOf(x, i)] += f(i);
  return sums;
}

export function batchStatistics(x: Array64): BatchStatistics {
  const count = x.data.length / x.shape[1];
  const mean = sumByChannel(x, (i) => x.data[i]).map((sum) => sum / count);
  const squares = sumByChannel(x, (i) => (x.data[i] - mean[channelOf(x, i)]) ** 2);
  return { mean, variance: squares.map((sum) => sum / count), count };
}

/** z of x. */
function standardize(x: Array64, eps: number): Array64 {
  const { mean, variance } = batchStatistics(x);
  const data = x.data.map((v, i) => {
    const c = channelOf(x, i);
    return (v - mean[c]) / Math.sqrt(variance[c] + eps);
  });
  return { shape: x.shape, data };
}

export function batchNormTraining(x: Array64, gamma: Array64, beta: Array64, eps: number): Array64 {
  const z = standardize(x, eps);
  const data = z.data.map((v, i) => gamma.data[channelOf(x, i)] * v + beta.data[channelOf(x, i)]);
  return { shape: x.shape, data };
}

export function batchNormTrainingBackward(dy: Array64, x: Array64, gamma: Array64, eps: number) {
  const { variance, count } = batchStatistics(x);
  const z = standardize(x, eps);
  const dbeta = sumByChannel(dy, (i) => dy.data[i]);
  const dgamma = sumByChannel(dy, (i) => dy.data[i] * z.data[i]);
  const dx = dy.data.map((d, i) => {
    const c = channelOf(x, i);
    const inner = d - dbeta[c] / count - (z.data[i] * dgamma[c]) / count;
    return (gamma.data[c] / Math.sqrt(variance[c] + eps)) * inner;
  });
  const channels = (data: Float64Array): Array64 => ({ shape: [data.length], data });
  return { x: { shape: x.shape, data: dx }, gamma: channels(dgamma), beta: channels(dbeta) };
}

/** running = (1 - share) running + share batch, in place; the variance as an estimate of the population's. */
export function trackStatistics(
  running: { mean: Float64Array; variance: Float64Array },
  { mean, variance, count }: BatchStatistics,
  share: number,
): void {
  for (let c = 0; c < mean.length; c++) {
    running.mean[c] = (1 - share) * running.mean[c] + share * mean[c];
    running.variance[c] = (1 - share) * running.variance[c] + (share * variance[c] * count) / (count - 1);
  }
}

// ---------------------------------------------------------------- loss
// y[n] = log sum_k exp x[n,k] - x[n, label(n)]        dx[n,k] = dy[n] (softmax(x)[n,k] - [k = label(n)])

/** log sum_k exp x[n,k], with the largest logit taken out. */
function logSumExp({ shape: [, K], data }: Array64, n: number): number {
  const row = data.subarray(n * K, (n + 1) * K);
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return largest + Math.log(row.reduce((sum, v) => sum + Math.exp(v - largest), 0));
}

export function crossEntropy(x: Array64, labels: ArrayLike<number>): Array64 {
  const [N, K] = x.shape;
  const y = zeros(N);
  for (let n = 0; n < N; n++) y.data[n] = logSumExp(x, n) - x.data[n * K + labels[n]];
  return y;
}

export function crossEntropyBackwardX(dy: Array64, x: Array64, labels: ArrayLike<number>): Array64 {
  const [N, K] = x.shape;
  const dx = zeros(N, K);
  for (let n = 0; n < N; n++)
    for (let k = 0; k < K; k++) {
      const probability = Math.exp(x.data[n * K + k] - logSumExp(x, n));
      dx.data[n * K + k] = dy.data[n] * (probability - (k === labels[n] ? 1 : 0));
    }
  return dx;
}

// ---------------------------------------------------------------- stochastic gradient descent
// m = momentum m + g + decay p;  p -= lr m. As PyTorch's SGD: no dampening, decay before momentum.

export interface SgdSettings {
  momentum: number;
  decay: number;
}

/** One step, in place. */
export function sgd(
  p: Array64,
  m: Array64,
  g: Array64,
  learningRate: number,
  { momentum, decay }: SgdSettings,
): void {
  for (let i = 0; i < p.data.length; i++) {
    m.data[i] = momentum * m.data[i] + g.data[i] + decay * p.data[i];
    p.data[i] -= learningRate * m.data[i];
  }
}
