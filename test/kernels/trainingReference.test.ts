// The float64 reference of training: every gradient against central differences, linear ones against their adjoint, and
// values small enough to work out by hand. PyTorch's are in trainingGoldens.test.ts.

import { expect, test } from 'vitest';
import type { Array64 } from '../../src/kernels/reference.ts';
import * as R from '../../src/kernels/reference.ts';
import * as T from '../../src/kernels/trainingReference.ts';
import { distinctArray, filled, randomArray } from '../support/arrays.ts';
import { adjoint, type Backward, type Forward, gradcheck } from '../support/gradcheck.ts';

type Quad = readonly [number, number, number, number];

interface Row {
  name: string;
  x: Array64;
  forward: Forward;
  backward: Backward;
  linear: boolean;
}

const EPS = 1e-5;

function convolutionWeight(shape: Quad, filter: Quad, stride: number, pad: Quad): Row {
  const name = `conv2d w ${shape} * ${filter} stride ${stride} pad ${pad}`;
  const x = randomArray(`${name} x`, shape);
  return {
    name,
    x: randomArray(name, filter),
    forward: (w) => R.conv2d(x, w, { stride, pad }),
    backward: (dy, w) => T.conv2dBackwardW(dy, x, w, { stride, pad }),
    linear: true,
  };
}

/** Values 0.05 apart: the variance is far from 0, where differences would be inexact. */
function batchNorm(shape: Quad, by: 'x' | 'gamma' | 'beta'): Row {
  const inputs = {
    x: distinctArray('batchNorm x', shape),
    gamma: randomArray('batchNorm gamma', [shape[1]], 1),
    beta: randomArray('batchNorm beta', [shape[1]]),
  };
  const inputsWith = (value: Array64): typeof inputs => ({ ...inputs, [by]: value });
  return {
    name: `batchNormTraining ${by} ${shape}`,
    x: inputs[by],
    forward: (value) => {
      const { x, gamma, beta } = inputsWith(value);
      return T.batchNormTraining(x, gamma, beta, EPS);
    },
    backward: (dy, value) => {
      const { x, gamma } = inputsWith(value);
      return T.batchNormTrainingBackward(dy, x, gamma, EPS)[by];
    },
    linear: by !== 'x',
  };
}

function linear(N: number, C: number, K: number, by: 'w' | 'b'): Row {
  const x = randomArray('linear x', [N, C]);
  const [w, b] = [randomArray('linear w', [K, C]), randomArray('linear b', [K])];
  return {
    name: `linear ${by} ${N}x${C} -> ${K}`,
    x: by === 'w' ? w : b,
    forward: (value) => (by === 'w' ? R.linear(x, value, b) : R.linear(x, w, value)),
    backward: (dy) => (by === 'w' ? T.linearBackwardW(dy, x) : T.linearBackwardB(dy)),
    linear: true,
  };
}

function crossEntropy(N: number, K: number): Row {
  const labels = Array.from({ length: N }, (_, n) => (3 * n) % K);
  return {
    name: `crossEntropy ${N}x${K}`,
    x: randomArray('crossEntropy', [N, K]),
    forward: (x) => T.crossEntropy(x, labels),
    backward: (dy, x) => T.crossEntropyBackwardX(dy, x, labels),
    linear: false,
  };
}

const rows: Row[] = [
  convolutionWeight([1, 1, 1, 1], [1, 1, 1, 1], 1, [0, 0, 0, 0]),
  convolutionWeight([2, 3, 5, 4], [2, 3, 3, 3], 1, [1, 1, 1, 1]),
  convolutionWeight([3, 2, 5, 7], [3, 2, 3, 3], 2, [1, 1, 1, 1]),
  convolutionWeight([1, 2, 7, 6], [2, 2, 3, 3], 1, [-2, 1, -1, -1]),
  convolutionWeight([1, 1, 8, 7], [2, 1, 3, 2], 3, [-1, -2, 2, 1]),
  convolutionWeight([2, 2, 5, 5], [3, 2, 1, 1], 2, [0, 0, 0, 0]),
  ...(['x', 'gamma', 'beta'] as const).flatMap((by) => [
    batchNorm([2, 3, 3, 5], by),
    batchNorm([5, 2, 1, 1], by),
  ]),
  linear(1, 1, 1, 'w'),
  linear(3, 5, 7, 'w'),
  linear(3, 5, 7, 'b'),
  crossEntropy(1, 1),
  crossEntropy(4, 5),
];

for (const { name, x, forward, backward } of rows)
  test(`central differences: ${name}`, () => {
    expect(gradcheck(name, x, forward, backward)).toBeGreaterThan(0);
  });

for (const { name, x, forward, backward } of rows.filter((row) => row.linear))
  test(`adjoint: ${name}`, () => adjoint(name, x.shape, forward, backward, 60));

const array = (shape: number[], ...values: number[]) => filled(shape, (i) => values[i]);

test('batch norm by hand: 1 and 5 lie one deviation from their mean', () => {
  const x = array([2, 1, 1, 1], 1, 5);
  expect([...T.batchNormTraining(x, array([1], 3), array([1], 10), 0).data]).toEqual([7, 13]);
  const running = { mean: Float64Array.of(1), variance: Float64Array.of(1) };
  T.trackStatistics(running, T.batchStatistics(x), 0.5);
  expect([running.mean[0], running.variance[0]]).toEqual([2, 4.5]); // the variance of two is 8, not 4
});

test('cross-entropy of equal logits is log K, and large logits do not overflow', () => {
  expect(T.crossEntropy(array([1, 4], 0, 0, 0, 0), [2]).data[0]).toBeCloseTo(Math.log(4), 14);
  expect(T.crossEntropy(array([1, 2], 2000, 0), [1]).data[0]).toBe(2000);
});

test('SGD by hand: decay enters before momentum', () => {
  const [p, m] = [array([1], 2), array([1], 1)];
  T.sgd(p, m, array([1], 3), 0.5, { momentum: 0.25, decay: 0.5 });
  expect([m.data[0], p.data[0]]).toEqual([4.25, -0.125]); // 0.25 + 3 + 1, and 2 - 2.125
});
