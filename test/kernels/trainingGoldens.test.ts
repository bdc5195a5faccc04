// The float64 reference of training against PyTorch's float64 (fixtures/make_training.py): what layers put out, every
// gradient, the running statistics and three steps of SGD. The fixture keeps nine digits.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Array64, conv2d, linear } from '../../src/kernels/reference.ts';
import * as T from '../../src/kernels/trainingReference.ts';
import { randomArray } from '../support/arrays.ts';

const { ops } = JSON.parse(readFileSync(new URL('../fixtures/training.json', import.meta.url), 'utf8'));

function same(actual: ArrayLike<number>, expected: readonly number[], what: string) {
  expect(actual.length, what).toBe(expected.length);
  const wrong = expected.findIndex((v, i) => !(Math.abs(actual[i] - v) <= 1e-8 * (1 + Math.abs(v))));
  expect(wrong, `${what}[${wrong}] is ${actual[wrong]}, expected ${expected[wrong]}`).toBe(-1);
}

test('conv2d, the gradient of its weights', () => {
  const [x, w] = [randomArray('conv x', [3, 2, 9, 7]), randomArray('conv w', [4, 2, 3, 3])];
  const settings = { stride: 2, pad: [1, 1, 1, 1] as const };
  const y = conv2d(x, w, settings);
  same(y.data, ops.convolution.y, 'y');
  same(T.conv2dBackwardW(randomArray('conv dy', y.shape), x, w, settings).data, ops.convolution.dw, 'dw');
});

test('batch norm of a batch, its gradients and running statistics', () => {
  const x = randomArray('bn x', [4, 3, 5, 2], 0.5);
  const [gamma, beta] = [randomArray('bn gamma', [3], 1), randomArray('bn beta', [3])];
  const y = T.batchNormTraining(x, gamma, beta, 1e-5);
  same(y.data, ops.batch_norm.y, 'y');
  const gradients = T.batchNormTrainingBackward(randomArray('bn dy', y.shape), x, gamma, 1e-5);
  for (const name of ['x', 'gamma', 'beta'] as const)
    same(gradients[name].data, ops.batch_norm[`d${name}`], `d${name}`);
  const running = { mean: new Float64Array(3), variance: new Float64Array(3).fill(1) };
  T.trackStatistics(running, T.batchStatistics(x), 0.1);
  same(running.mean, ops.batch_norm.mean, 'running mean');
  same(running.variance, ops.batch_norm.variance, 'running variance');
});

test('linear, the gradients of weights and bias', () => {
  const [x, w, b] = [
    randomArray('linear x', [3, 5]),
    randomArray('linear w', [4, 5]),
    randomArray('linear b', [4]),
  ];
  const y = linear(x, w, b);
  const dy = randomArray('linear dy', y.shape);
  same(y.data, ops.linear.y, 'y');
  same(T.linearBackwardW(dy, x).data, ops.linear.dw, 'dw');
  same(T.linearBackwardB(dy).data, ops.linear.db, 'db');
});

test('cross-entropy and its gradient', () => {
  const x = randomArray('loss x', [5, 7]);
  const labels = [0, 3, 6, 2, 5];
  same(T.crossEntropy(x, labels).data, ops.cross_entropy.y, 'y');
  same(T.crossEntropyBackwardX(randomArray('loss dy', [5]), x, labels).data, ops.cross_entropy.dx, 'dx');
});

test('SGD: three steps with momentum and decay', () => {
  const p = randomArray('sgd p', [6]);
  const m: Array64 = { shape: [6], data: new Float64Array(6) };
  [0.5, 0.125, 0.25].forEach((rate, step) => {
    T.sgd(p, m, randomArray(`sgd g${step}`, [6]), rate, { momentum: 0.9, decay: 0.125 });
  });
  same(p.data, ops.sgd.p, 'p');
  same(m.data, ops.sgd.m, 'm');
});
