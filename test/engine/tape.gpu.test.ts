// The autograd on small graphs whose gradients are whole numbers, so that every comparison is exact.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, read, type Tensor } from '../../src/engine/tensor.ts';
import { add } from '../../src/kernels/add.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import { objective } from '../../src/kernels/objective.ts';
import { relu } from '../../src/kernels/relu.ts';
import { square, weightedSum } from '../support/testOps.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const offset = [0, 0] as const;
const shape = [1, 1, 2, 3];
const values = [-2, -1, 0, 1, 2, 3];
const seed = [1, 2, 3, 4, 5, 6];
const tensor = (label: string, data: number[], differentiable = false) =>
  createTensor(gpu, label, shape, { data, differentiable });

/** Runs a tape a few times and returns these tensors after each. */
async function replay(tape: Tape, tensors: Tensor[], times = 1): Promise<number[][][]> {
  for (const one of tensors) tape.keep(one);
  const plan = await Plan.compile(gpu, tape);
  const results = [];
  for (let i = 0; i < times; i++) {
    submit(gpu, [plan]);
    const all = [];
    for (const one of tensors) all.push([...(await read(gpu, one))]);
    results.push(all);
  }
  plan.destroy();
  return results;
}

describe('gradients', () => {
  test('a residual accumulates: o = relu(x)^2 + relu(x), the same when the plan is replayed', async () => {
    const [x, dO] = [tensor('x', values, true), tensor('do', seed)];
    const tape = new Tape();
    const h = tape.apply(relu, { x });
    const o = tape.apply(add, { a: tape.apply(square, { x: h }), b: h }, { offset });
    const dx = gradientOf(tape.backward(o, dO), x);
    expect(tape.dispatches.length).toBe(7);
    const accumulating = tape.dispatches.filter(({ constants }) => constants.ACCUMULATE === 1);
    expect(accumulating.map(({ label }) => label)).toEqual(['square.backward x']);
    const results = await replay(tape, [o, dx], 3);
    expect(results[0]).toEqual([
      [0, 0, 0, 2, 6, 12],
      [0, 0, 0, 4 * 3, 5 * 5, 6 * 7],
    ]);
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test('both inputs of one op may be the same tensor', async () => {
    const [x, dy] = [tensor('x', values, true), tensor('dy', seed)];
    const tape = new Tape();
    const y = tape.apply(weightedSum, { a: x, b: x });
    const [result] = await replay(tape, [y, gradientOf(tape.backward(y, dy), x)]);
    expect(result).toEqual([values.map((v) => 3 * v), seed.map((d) => 3 * d)]);
  });

  test('four uses of a tensor, some through one another', async () => {
    const [x, dy] = [tensor('x', values, true), tensor('dy', seed)];
    const tape = new Tape();
    const s = tape.apply(weightedSum, { a: x, b: tape.apply(square, { x }) }); // x + 2 x^2
    const t = tape.apply(weightedSum, { a: s, b: x }); // 3 x + 2 x^2
    const y = tape.apply(weightedSum, { a: t, b: s }); // 5 x + 6 x^2
    const [result] = await replay(tape, [y, gradientOf(tape.backward(y, dy), x)], 1);
    expect(result).toEqual([
      values.map((v) => 5 * v + 6 * v * v),
      values.map((v, i) => seed[i] * (5 + 12 * v)),
    ]);
  });

  test('a branch that does not lead to y gets and gives none', async () => {
    const [x, dy] = [tensor('x', values, true), tensor('dy', seed)];
    const tape = new Tape();
    const side = tape.apply(square, { x });
    const y = tape.apply(weightedSum, { a: x, b: x });
    const gradients = tape.backward(y, dy);
    expect(gradients.has(side)).toBe(false);
    const [[dx, value]] = await replay(tape, [gradientOf(gradients, x), side]);
    expect(dx).toEqual(seed.map((d) => 3 * d));
    expect(value).toEqual(values.map((v) => v * v));
  });
});

describe('what is differentiable', () => {
  test('nothing is recorded for inputs that are not', () => {
    const [a, b, dy] = [tensor('a', values, true), tensor('b', values), tensor('dy', seed)];
    const tape = new Tape();
    const y = tape.apply(weightedSum, { a, b: tape.apply(square, { x: b }) });
    const gradients = tape.backward(y, dy);
    expect(tape.dispatches.map(({ label }) => label)).toEqual([
      'square',
      'weightedSum',
      'weightedSum.backward a',
    ]);
    expect(gradients.has(b)).toBe(false);
    expect(() => gradientOf(gradients, b)).toThrow('backward: no gradient reaches b [1,1,2,3].');
    expect(() => gradientOf(gradients, b)).toThrow(
      expect.objectContaining({ name: 'StreamscopeError', code: 70 }),
    );
  });

  test('a result is when an input with a gradient is', () => {
    const tape = new Tape();
    expect(tape.apply(relu, { x: tensor('x', values) }).differentiable).toBe(false);
    expect(tape.apply(relu, { x: tensor('x', values, true) }).differentiable).toBe(true);
    // a convolution has no gradient for its filter
    const w = createTensor(gpu, 'w', [1, 1, 1, 1], { data: [1], differentiable: true });
    const settings = { stride: 1, pad: [0, 0, 0, 0] } as const;
    expect(tape.apply(conv2d, { x: tensor('x', values), w }, settings).differentiable).toBe(true);
    // an input that has no gradient, whatever is asked: which channel an objective takes
    const channels = createTensor(gpu, 'channels', [1], { type: 'u32', data: [0], differentiable: true });
    const x = tensor('x', values);
    expect(tape.apply(objective, { x, channels }, { region: [0, 0, 1, 1] }).differentiable).toBe(false);
  });
});

test('shapes that do not fit are refused when they are recorded', () => {
  const w = createTensor(gpu, 'w', [1, 2, 1, 1]);
  const settings = { stride: 1, pad: [0, 0, 0, 0] } as const;
  expect(() => new Tape().apply(conv2d, { x: tensor('x', values), w }, settings)).toThrow(
    'conv2d: x has 1 channels, w expects 2.',
  );
});
