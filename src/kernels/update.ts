// What closes a step. Of an image: Adam on its parameters, the trace, the clock. Of training: SGD on the weights, running
// statistics, the clock. These are not ops of the autograd: they have no gradient, they change their inputs in place, and
// the tape records them last.

import adamSource from './adam.wgsl';
import { elements, type Pass, perSample, type Shape } from './op.ts';
import { ADAM } from './reference.ts';
import runningSource from './runningStatistics.wgsl';
import sgdSource from './sgd.wgsl';
import tickSource from './tick.wgsl';
import type { SgdSettings } from './trainingReference.ts';

/** A kernel that the tape records as it is: bindings name its operands. */
export interface Update {
  name: string;
  source: string;
  constants: Record<string, number>;
  pass: Pass;
}

/**
 * Adam ascent on p [N,...] with moments m, v and gradient g of the same shape; `rates` [steps,2], `clock` u32 [1].
 * The text reads the same with vectors for numbers, and runs twice as fast: so it does where four divide the size.
 */
export const adam = (p: Shape): Update => {
  const width = perSample(p) % 4 === 0 ? 4 : 1;
  return {
    name: 'adam',
    source: width === 4 ? adamSource.replaceAll('array<f32>', 'array<vec4f>') : adamSource,
    constants: {
      SIZE: perSample(p) / width,
      BETA1: ADAM.beta1,
      BETA2: ADAM.beta2,
      GAIN1: 1 - ADAM.beta1,
      GAIN2: 1 - ADAM.beta2,
      EPS: ADAM.eps,
    },
    pass: {
      entryPoint: 'update',
      bindings: ['p', 'm', 'v', 'g', 'rates', 'clock'],
      invocations: [perSample(p) / width, p[0]],
      flops: 12 * elements(p),
    },
  };
};

/** The step size and the root's correction at time t >= 1, in float64: see adam.wgsl. */
export const adamRates = (learningRate: number, t: number): [number, number] => [
  learningRate / (1 - ADAM.beta1 ** t),
  1 / Math.sqrt(1 - ADAM.beta2 ** t),
];

/** SGD descent on p with momentum m and gradient g of the same shape; `rates` [steps], `clock` u32 [1]. */
export const sgd = (p: Shape, { momentum, decay }: SgdSettings): Update => ({
  name: 'sgd',
  source: sgdSource,
  constants: { SIZE: elements(p), MOMENTUM: momentum, DECAY: decay },
  pass: {
    entryPoint: 'update',
    bindings: ['p', 'm', 'g', 'rates', 'clock'],
    invocations: [elements(p), 1],
    flops: 6 * elements(p),
  },
});

/**
 * runningMean and runningVariance [C] follow the mean and variance of a batch of `count` > 1 numbers per channel, taking
 * `share` of each batch (PyTorch's momentum, 0.1).
 */
export const runningStatistics = (channels: number, count: number, share: number): Update => ({
  name: 'runningStatistics',
  source: runningSource,
  constants: { C: channels, SHARE: share, UNBIAS: count / (count - 1) },
  pass: {
    entryPoint: 'update',
    bindings: ['mean', 'variance', 'runningMean', 'runningVariance'],
    invocations: [channels, 1],
    flops: 7 * channels,
  },
});

/** trace [steps,N,2] at the current step = objective [N] and the norm of g [N,...] per sample; of vectors as adam is. */
export const trace = (g: Shape): Update => {
  const width = perSample(g) % 4 === 0 ? 4 : 1;
  const inVectors = tickSource.replace('Element = f32', 'Element = vec4f').replace('v * v', 'dot(v, v)');
  return {
    name: 'trace',
    source: width === 4 ? inVectors : tickSource,
    constants: { SIZE: perSample(g) / width },
    pass: {
      entryPoint: 'norm',
      bindings: ['objective', 'g', 'trace', 'clock'],
      invocations: [1, g[0]],
      flops: 2 * elements(g),
    },
  };
};

/** The same where `g` holds sums of squares [N,parts] already. */
export const traceOfSquares = (g: Shape): Update => ({
  ...trace(g),
  source: tickSource.replace('v * v', 'v'),
  constants: { SIZE: perSample(g) },
});

/** clock u32 [1] += 1. */
export const advance = (): Update => ({
  name: 'advance',
  source: tickSource,
  constants: {},
  pass: { entryPoint: 'advance', bindings: ['clock'], invocations: [1, 1], flops: 1 },
});
