// The ops of training as cases for checkOp, as opCases.ts has those of the network. Gradients of weights are sums over
// samples and pixels: where they have more terms than opCheck.ts assumes, the case says so.

import { batchNormTraining, packedBatchNormTraining } from '../../src/kernels/batchNormTraining.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import { crossEntropy } from '../../src/kernels/crossEntropy.ts';
import { linear } from '../../src/kernels/linear.ts';
import { pack, unpack } from '../../src/kernels/pack.ts';
import * as R from '../../src/kernels/reference.ts';
import { convTable, trainedConv } from '../../src/kernels/trainedConv.ts';
import * as T from '../../src/kernels/trainingReference.ts';
import { generator, randomArray } from './arrays.ts';
import type { Quad } from './opCases.ts';
import type { OpCase } from './opCheck.ts';

/** y, dx and dw of a convolution. */
export function trainedConvCase(
  shape: Quad,
  [K, R_, S]: readonly number[],
  stride: number,
  pad: Quad,
): OpCase {
  const settings = { stride, pad };
  const name = `conv2d ${shape} * ${K},${R_},${S}, stride ${stride}, pad ${pad}, trained`;
  const [x, w] = [randomArray(`${name} x`, shape), randomArray(`${name} w`, [K, shape[1], R_, S])];
  return {
    name,
    inputs: { x, w },
    record: (tape, { x, w }) => tape.apply(conv2d, { x, w }, settings),
    forward: () => R.conv2d(x, w, settings).data,
    backward: (dy) => ({
      x: R.conv2dBackwardX(dy, x, w, settings).data,
      w: T.conv2dBackwardW(dy, x, w, settings).data,
    }),
  };
}

/** The same by the SIMD kernels: w's tables are made on the way, x and y are packed. */
export function simdTrainedConvCase(
  shape: Quad,
  filter: readonly number[],
  stride: number,
  pad: Quad,
  lanes: number,
): OpCase {
  const plain = trainedConvCase(shape, filter, stride, pad);
  return {
    ...plain,
    name: plain.name.replace('conv2d', 'trainedConv'),
    record(tape, { x, w }) {
      const [table, turned] = (['straight', 'turned'] as const).map((direction) =>
        tape.apply(convTable, { w }, { stride, direction }),
      );
      const inputs = { x: tape.apply(pack, { x }), w, table, turned };
      const y = tape.apply(trainedConv, inputs, { stride, pad, lanes });
      return tape.apply(unpack, { x: y }, { channels: filter[0] });
    },
  };
}

/**
 * dw of all samples but the last, where x and dy have it: a kernel that reads on behind the last sample finds zeros on
 * some adapters, and here numbers.
 */
export function fewerSamplesCase(shape: Quad, filter: readonly number[]): OpCase {
  const given = trainedConvCase(shape, filter, 1, [0, 0, 0, 0]);
  const { x, w } = given.inputs;
  const N = shape[0] - 1;
  const withoutLast = ({ shape: [samples, ...rest], data }: R.Array64): R.Array64 => ({
    shape: [N, ...rest],
    data: data.subarray(0, (data.length / samples) * N),
  });
  const fewer: typeof conv2d = {
    ...conv2d,
    recipe(shapes, settings) {
      const recipe = conv2d.recipe(shapes, settings);
      const { w } = recipe.backward;
      return { ...recipe, backward: { w: { ...w, constants: { ...w.constants, N } } } };
    },
  };
  const settings = { stride: 1, pad: [0, 0, 0, 0] } as const;
  return {
    ...given,
    name: `${given.name}, but for the last sample`,
    inputs: { w },
    tables: { x },
    record: (tape, { x, w }) => tape.apply(fewer, { x, w }, settings),
    backward: (dy) => ({ w: T.conv2dBackwardW(withoutLast(dy), withoutLast(x), w, settings).data }),
  };
}

/** `mean` of x: far from 0 it tells whether the variance is taken about the mean. */
export function batchNormTrainingCase(shape: Quad, mean = 0): OpCase {
  const name = `batchNormTraining ${shape}, mean ${mean}`;
  const inputs = {
    x: randomArray(name, shape, mean),
    gamma: randomArray(`${name} gamma`, [shape[1]], 1),
    beta: randomArray(`${name} beta`, [shape[1]]),
  };
  const { x, gamma, beta } = inputs;
  const eps = 1e-5;
  return {
    name,
    inputs,
    record: (tape, { x, gamma, beta }) => tape.apply(batchNormTraining, { x, gamma, beta }, { eps }),
    forward: () => T.batchNormTraining(x, gamma, beta, eps).data,
    backward: (dy) => {
      const gradients = T.batchNormTrainingBackward(dy, x, gamma, eps);
      return { x: gradients.x.data, gamma: gradients.gamma.data, beta: gradients.beta.data };
    },
    // x - mean keeps the rounding of the mean, 2^-24 of it, and the strands that sum to it a few more
    ...(mean > 1 && { bounds: { forward: mean * 2 ** -22, backward: mean * 2 ** -22 } }),
  };
}

/** The same on packed tensors. */
export function packedBatchNormTrainingCase(shape: Quad, mean = 0): OpCase {
  const planar = batchNormTrainingCase(shape, mean);
  return {
    ...planar,
    name: planar.name.replace('batchNormTraining', 'packedBatchNormTraining'),
    record(tape, { x, gamma, beta }) {
      const inputs = { x: tape.apply(pack, { x }), gamma, beta };
      const y = tape.apply(packedBatchNormTraining, inputs, { eps: 1e-5 });
      return tape.apply(unpack, { x: y }, { channels: shape[1] });
    },
  };
}

export function trainedLinearCase(N: number, C: number, K: number): OpCase {
  const name = `linear ${N}x${C} -> ${K}, trained`;
  const inputs = {
    x: randomArray(`${name} x`, [N, C]),
    w: randomArray(`${name} w`, [K, C]),
    b: randomArray(`${name} b`, [K]),
  };
  const { x, w, b } = inputs;
  return {
    name,
    inputs,
    record: (tape, { x, w, b }) => tape.apply(linear, { x, w, b }),
    forward: () => R.linear(x, w, b).data,
    backward: (dy) => ({
      x: R.linearBackwardX(dy, w).data,
      w: T.linearBackwardW(dy, x).data,
      b: T.linearBackwardB(dy).data,
    }),
  };
}

/** `size` of the logits: beyond 89 exp overflows in float32. */
export function crossEntropyCase(N: number, K: number, size = 1): OpCase {
  const name = `crossEntropy ${N}x${K}, size ${size}`;
  const x = randomArray(name, [N, K]);
  x.data.forEach((value, i) => {
    x.data[i] = Math.fround(value * size);
  });
  const next = generator(`${name} labels`);
  const labels = Array.from({ length: N }, () => Math.floor(next() * K));
  return {
    name,
    inputs: { x },
    tables: { labels: { shape: [N], type: 'u32', data: labels } },
    record: (tape, { x, labels }) => tape.apply(crossEntropy, { x, labels }),
    forward: () => T.crossEntropy(x, labels).data,
    backward: (dy) => ({ x: T.crossEntropyBackwardX(dy, x, labels).data }),
    // WGSL lets exp(v) err by 3 + 2 |v| units in the last place, and v here is up to 2 sqrt(3) size
    bounds: { backward: (3 + 4 * Math.sqrt(3) * size) * 2 ** -22 },
  };
}
