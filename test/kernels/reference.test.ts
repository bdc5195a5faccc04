// The float64 reference of the network's ops: every backward against central differences of its forward, every
// linear op against its adjoint, and values small enough to work out by hand.

import { describe, expect, test } from 'vitest';
import * as R from '../../src/kernels/reference.ts';
import { distinctArray, randomArray } from '../support/arrays.ts';
import { adjoint, type Backward, type Forward, gradcheck } from '../support/gradcheck.ts';
import { sampledConv2d, sampledConv2dBackwardX } from '../support/sampledConv.ts';

type Quad = readonly [number, number, number, number];

interface Row {
  name: string;
  x: R.Array64;
  forward: Forward;
  backward: Backward;
  /** the op is linear in x, up to a constant */
  linear: boolean;
}

const show = (shape: readonly number[]) => shape.join('x');

function conv(shape: Quad, filter: Quad, stride: number, pad: Quad): Row {
  const name = `conv2d ${show(shape)} * ${show(filter)} stride ${stride} pad ${pad}`;
  const w = randomArray(`${name} w`, filter);
  return {
    name,
    x: randomArray(name, shape),
    forward: (x) => R.conv2d(x, w, { stride, pad }),
    backward: (dy, x) => R.conv2dBackwardX(dy, x, w, { stride, pad }),
    linear: true,
  };
}

function pool(shape: Quad, size: number, stride: number, pad: Quad): Row {
  const settings = { size, stride, pad };
  return {
    name: `maxPool ${show(shape)} size ${size} stride ${stride} pad ${pad}`,
    x: distinctArray('maxPool', shape),
    forward: (x) => R.maxPool(x, settings).y,
    backward: (dy, x) => R.maxPoolBackwardX(dy, x, R.maxPool(x, settings).argmax),
    linear: false,
  };
}

function batchNorm(shape: readonly number[]): Row {
  const channel = (name: string, mean: number) => randomArray(name, [shape[1]], mean).data;
  const parameters = {
    gamma: channel('gamma', 1),
    beta: channel('beta', 0),
    mean: channel('mean', 0),
    variance: channel('variance', 2),
    eps: 1e-5,
  };
  return {
    name: `batchNorm ${show(shape)}`,
    x: randomArray('batchNorm', shape),
    forward: (x) => R.batchNorm(x, parameters),
    backward: (dy) => R.batchNormBackwardX(dy, parameters),
    linear: true,
  };
}

const relu = (shape: readonly number[]): Row => ({
  name: `relu ${show(shape)}`,
  x: distinctArray('relu', shape),
  forward: R.relu,
  backward: R.reluBackwardX,
  linear: false,
});

function addA(shape: Quad, under: Quad, offset: readonly [number, number]): Row {
  const b = randomArray('b', under);
  return {
    name: `add a ${show(shape)} + ${show(under)} at ${offset}`,
    x: randomArray('a', shape),
    forward: (a) => R.add(a, b, { offset }),
    backward: (dy, a) => R.addBackwardA(dy, a, { offset }),
    linear: true,
  };
}

function addB(shape: Quad, under: Quad, offset: readonly [number, number]): Row {
  const a = randomArray('a', shape);
  return {
    name: `add b ${show(shape)} + ${show(under)} at ${offset}`,
    x: randomArray('b', under),
    forward: (b) => R.add(a, b, { offset }),
    backward: (dy) => R.addBackwardB(dy),
    linear: true,
  };
}

const average = (shape: Quad): Row => ({
  name: `globalAveragePool ${show(shape)}`,
  x: randomArray('gap', shape),
  forward: R.globalAveragePool,
  backward: R.globalAveragePoolBackwardX,
  linear: true,
});

function linear(N: number, C: number, K: number): Row {
  const [w, b] = [randomArray('w', [K, C]), randomArray('b', [K])];
  return {
    name: `linear ${N}x${C} -> ${K}`,
    x: randomArray('linear', [N, C]),
    forward: (x) => R.linear(x, w, b),
    backward: (dy) => R.linearBackwardX(dy, w),
    linear: true,
  };
}

function objective(shape: Quad, channels: number[], region: Quad): Row {
  const settings = { channels, region };
  return {
    name: `objective ${show(shape)} channels ${channels} region ${region}`,
    x: randomArray('objective', shape),
    forward: (x) => R.objective(x, settings),
    backward: (dy, x) => R.objectiveBackwardX(dy, x, settings),
    linear: true,
  };
}

const rows: Row[] = [
  conv([1, 1, 1, 1], [1, 1, 1, 1], 1, [0, 0, 0, 0]),
  conv([1, 2, 1, 1], [3, 2, 3, 3], 1, [1, 1, 1, 1]),
  conv([2, 3, 5, 4], [2, 3, 3, 3], 1, [1, 1, 1, 1]),
  conv([1, 2, 5, 7], [3, 2, 3, 3], 2, [1, 1, 1, 1]),
  conv([1, 1, 6, 6], [2, 1, 2, 3], 2, [1, 0, 0, 2]),
  conv([1, 2, 7, 6], [2, 2, 3, 3], 1, [-2, 1, -1, -1]),
  conv([1, 1, 8, 7], [2, 1, 3, 2], 3, [-1, -2, 2, 1]),
  conv([1, 3, 9, 9], [2, 3, 7, 7], 2, [3, 3, 3, 3]),
  conv([1, 2, 5, 5], [3, 2, 1, 1], 2, [0, 0, 0, 0]),
  pool([1, 1, 1, 1], 3, 2, [1, 1, 1, 1]),
  pool([2, 2, 5, 7], 3, 2, [1, 1, 1, 1]),
  pool([1, 2, 6, 5], 2, 2, [0, 0, 0, 0]),
  pool([1, 1, 6, 7], 3, 1, [0, 2, 1, 0]),
  pool([1, 1, 8, 8], 3, 2, [-1, -2, 1, -1]),
  batchNorm([1, 1, 1, 1]),
  batchNorm([2, 3, 3, 5]),
  relu([1, 1, 1, 1]),
  relu([3, 5]),
  relu([2, 3, 3, 5]),
  addA([2, 3, 3, 5], [2, 3, 3, 5], [0, 0]),
  addA([1, 2, 5, 7], [1, 2, 2, 3], [3, 4]),
  addA([1, 1, 5, 5], [1, 1, 1, 1], [2, 2]),
  addB([1, 2, 5, 7], [1, 2, 2, 3], [3, 4]),
  addB([2, 2, 3, 3], [2, 2, 3, 3], [0, 0]),
  average([1, 1, 1, 1]),
  average([2, 3, 5, 3]),
  linear(1, 1, 1),
  linear(3, 5, 7),
  objective([1, 1, 1, 1], [0], [0, 0, 1, 1]),
  objective([3, 4, 5, 3], [3, 0, 1], [2, 1, 1, 1]),
  objective([2, 3, 3, 5], [2, 2], [0, 0, 3, 5]),
  objective([2, 2, 5, 5], [1, 0], [1, 2, 3, 2]),
];

for (const { name, x, forward, backward } of rows)
  test(`central differences: ${name}`, () => {
    expect(gradcheck(name, x, forward, backward)).toBeGreaterThan(0);
  });

// two rows or more of each op: over 100 pairs for every one
for (const { name, x, forward, backward } of rows.filter((row) => row.linear))
  test(`adjoint: ${name}`, () => adjoint(name, x.shape, forward, backward, 60));

describe('the sampled convolution agrees with the plain one', () => {
  test.each(rows.filter(({ name }) => name.startsWith('conv2d')).map(({ name }) => name))('%s', (name) => {
    const [x, w] = [randomArray(`${name} x`, [2, 3, 9, 8]), randomArray(`${name} w`, [5, 3, 3, 2])];
    const [stride, ...pad] = name
      .match(/stride (\d) pad (\S+),(\S+),(\S+),(\S+)/)!
      .slice(1)
      .map(Number);
    const settings = { stride, pad: pad as unknown as Quad };
    const y = R.conv2d(x, w, settings);
    const dy = randomArray(`${name} dy`, y.shape);
    const dx = R.conv2dBackwardX(dy, x, w, settings);
    const all = (array: R.Array64) => Array.from(array.data, (_, i) => i);
    expect(difference(sampledConv2d(x, w, settings, all(y)), y.data)).toBeLessThan(1e-12);
    expect(difference(sampledConv2dBackwardX(dy, x, w, settings, all(dx)), dx.data)).toBeLessThan(1e-12);
  });
});

const difference = (a: Float64Array, b: Float64Array) =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i])));
