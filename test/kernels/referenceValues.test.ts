// The float64 reference of the network's ops on values small enough to work out by hand.

import { expect, test } from 'vitest';
import * as R from '../../src/kernels/reference.ts';
import { filled } from '../support/arrays.ts';

const array = (shape: number[], ...values: number[]) => filled(shape, (i) => values[i]);
const image = filled([1, 1, 3, 3], (i) => i + 1); // 1 2 3 / 4 5 6 / 7 8 9

test('conv2d correlates, it does not flip the filter', () => {
  const w = array([1, 1, 2, 2], 1, 10, 100, 1000);
  expect([...R.conv2d(image, w, { stride: 1, pad: [0, 0, 0, 0] }).data]).toEqual([5421, 6532, 8754, 9865]);
});

test('conv2d: padding per side reads zeros, negative padding starts inside', () => {
  const one = array([1, 1, 1, 1], 1);
  const padded = R.conv2d(image, one, { stride: 1, pad: [1, 0, 0, 2] });
  expect(padded.shape).toEqual([1, 1, 4, 5]);
  expect([...padded.data]).toEqual([0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 7, 8, 9, 0, 0]);
  expect([...R.conv2d(image, one, { stride: 1, pad: [-1, -1, 0, 0] }).data]).toEqual([5, 6, 8, 9]);
  expect([...R.conv2d(image, one, { stride: 2, pad: [0, 0, 0, 0] }).data]).toEqual([1, 3, 7, 9]);
});

test('maxPool: the first maximum takes the gradient of a tie', () => {
  const ties = array([1, 1, 2, 3], 1, 3, 3, 3, 3, 0);
  const { y, argmax } = R.maxPool(ties, { size: 2, stride: 1, pad: [0, 0, 0, 0] });
  expect([...y.data]).toEqual([3, 3]);
  expect([...argmax.data]).toEqual([1, 1]);
  expect([...R.maxPoolBackwardX(array([1, 1, 1, 2], 5, 7), ties, argmax).data]).toEqual([0, 12, 0, 0, 0, 0]);
});

test('maxPool: padding never wins, not even over negative numbers', () => {
  const x = array([1, 1, 1, 2], -4, -3);
  const { y, argmax } = R.maxPool(x, { size: 3, stride: 2, pad: [1, 1, 1, 1] });
  expect([...y.data]).toEqual([-3]);
  expect([...argmax.data]).toEqual([1]);
});

test('relu: no gradient at zero', () => {
  const x = array([1, 3], -1, 0, 2);
  expect([...R.relu(x).data]).toEqual([0, 0, 2]);
  expect([...R.reluBackwardX(array([1, 3], 5, 6, 7), x).data]).toEqual([0, 0, 7]);
});

test('add: b lies on the window of a at the offset', () => {
  const y = R.add(image, array([1, 1, 2, 2], 10, 20, 30, 40), { offset: [1, 1] });
  expect([...y.data]).toEqual([15, 26, 38, 49]);
});

test('batchNorm: (x - mean) / sqrt(variance + eps), then gamma and beta', () => {
  const one = (value: number) => Float64Array.of(value);
  const parameters = { gamma: one(3), beta: one(1), mean: one(2), variance: one(3), eps: 1 };
  expect([...R.batchNorm(array([1, 1, 1, 2], 2, 6), parameters).data]).toEqual([1, 7]);
});

test('globalAveragePool, linear and objective', () => {
  expect([...R.globalAveragePool(image).data]).toEqual([expect.closeTo(5, 12)]);
  const [w, b] = [array([2, 2], 1, 2, 3, 4), array([2], 10, 20)];
  expect([...R.linear(array([1, 2], 5, 6), w, b).data]).toEqual([27, 59]);
  expect([...R.objective(image, { channels: [0], region: [1, 0, 2, 2] }).data]).toEqual([6]);
  expect([...R.objective(image, { channels: [0], region: [1, 1, 1, 1] }).data]).toEqual([5]);
});

test('Adam: two ascent steps', () => {
  // g = 2 then -1 with lr 0.1: m = 0.2, v = 0.004, both corrected to 2 and 4, so the first step is +0.1.
  // Then m = 0.18 - 0.1 = 0.08 and v = 0.003996 + 0.001 = 0.004996, corrected by 0.19 and 0.001999.
  const [p, m, v] = [array([1, 1], 1), array([1, 1], 0), array([1, 1], 0)];
  R.adam(p, m, v, array([1, 1], 2), 0.1, 1);
  const first = (0.1 * 2) / (2 + 1e-8);
  expect(p.data[0]).toBeCloseTo(1 + first, 14);
  R.adam(p, m, v, array([1, 1], -1), 0.1, 2);
  expect(m.data[0]).toBeCloseTo(0.08, 14);
  expect(v.data[0]).toBeCloseTo(0.004996, 14);
  const second = (0.1 * (0.08 / 0.19)) / (Math.sqrt(0.004996 / 0.001999) + 1e-8);
  expect(p.data[0]).toBeCloseTo(1 + first + second, 14);
});
