// Plans: which tensors share a buffer, what survives a step, what is given back, and what is refused.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, readIntegers, type Tensor, write } from '../../src/engine/tensor.ts';
import { normalize } from '../../src/kernels/normalize.ts';
import type { Op, Shape } from '../../src/kernels/op.ts';
import { pad } from '../../src/kernels/pad.ts';
import { relu } from '../../src/kernels/relu.ts';
import { adam, adamRates, advance, trace } from '../../src/kernels/update.ts';
import { square, weightedSum } from '../support/testOps.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const shape = [2, 5, 7];
const values = Array.from({ length: 70 }, (_, i) => (i % 9) - 4);
const ones = values.map(() => 1);

/** x -> relu -> x + 2 relu -> ... : `length` sums, values growing by 3 wherever x is positive. */
function chain(tape: Tape, x: Tensor, length: number): Tensor {
  let h = x;
  for (let i = 0; i < length; i++) h = tape.apply(weightedSum, { a: h, b: tape.apply(relu, { x: h }) });
  return h;
}

describe('buffers', () => {
  test('are shared by tensors whose lifetimes do not overlap', async () => {
    const x = createTensor(gpu, 'x', shape, { data: values });
    const tape = new Tape();
    const y = tape.keep(chain(tape, x, 6));
    const plan = await Plan.compile(gpu, tape);
    expect(tape.dispatches.length).toBe(12);
    expect(plan.buffers.length).toBe(3); // the sum so far, its relu, the next sum
    submit(gpu, [plan]);
    expect([...(await read(gpu, y))]).toEqual(values.map((v) => (v > 0 ? v * 3 ** 6 : v)));
    plan.destroy();
    destroy(gpu, x);
  });

  test('with gradients, where activations live longer: fewer buffers than tensors, right results twice', async () => {
    const x = createTensor(gpu, 'x', shape, { data: values, differentiable: true });
    const dy = createTensor(gpu, 'dy', shape, { data: ones });
    const tape = new Tape();
    const y = tape.keep(chain(tape, x, 6));
    const dx = tape.keep(gradientOf(tape.backward(y, dy), x));
    const plan = await Plan.compile(gpu, tape);
    const tensors = new Set(
      tape.dispatches.flatMap(({ pass, operands }) => pass.bindings.map((name) => operands[name])),
    );
    expect(plan.buffers.length).toBeLessThan(tensors.size - 2);
    for (let i = 0; i < 2; i++) {
      submit(gpu, [plan]);
      expect([...(await read(gpu, y))]).toEqual(values.map((v) => (v > 0 ? v * 3 ** 6 : v)));
      expect([...(await read(gpu, dx))]).toEqual(values.map((v) => (v > 0 ? 3 ** 6 : 1)));
    }
    plan.destroy();
    destroy(gpu, x, dy);
  });

  test('of kept tensors belong to them alone', async () => {
    const x = createTensor(gpu, 'x', shape, { data: values });
    const tape = new Tape();
    const early = tape.keep(tape.apply(square, { x }));
    const late = tape.keep(chain(tape, early, 4));
    const plan = await Plan.compile(gpu, tape);
    const sharing = tape.dispatches.filter(({ operands }) =>
      Object.values(operands).some((t) => t !== early && t.buffer === early.buffer),
    );
    expect(sharing).toEqual([]);
    submit(gpu, [plan, plan]);
    expect([...(await read(gpu, early))]).toEqual(values.map((v) => v * v));
    expect([...(await read(gpu, late))]).toEqual(values.map((v) => v * v * 81));
    plan.destroy();
    destroy(gpu, x);
  });

  test('are all given back, also when compilation fails', async () => {
    const before = gpu.liveBytes;
    const x = createTensor(gpu, 'x', shape, { data: values });
    const tape = new Tape();
    tape.keep(chain(tape, x, 3));
    const plan = await Plan.compile(gpu, tape);
    expect(gpu.liveBytes).toBe(before + 4 * 4 * 70);
    expect(plan.bytes).toBe(3 * 4 * 70);
    plan.destroy();
    const failing = new Tape();
    failing.apply(misnamed, { x: failing.apply(relu, { x }) });
    await expect(Plan.compile(gpu, failing)).rejects.toThrow('nothing is not declared');
    destroy(gpu, x);
    expect(gpu.liveBytes).toBe(before);
  });
});

describe('steps', () => {
  test('several steps of several plans in one submit, with tables read by the clock', async () => {
    // per step: y = the pixel of x that the step's placement crops; sum = sum + y
    const clock = createTensor(gpu, 'clock', [1], { type: 'u32' });
    const x = createTensor(gpu, 'x', [1, 1, 2, 3], { data: [1, 2, 4, 8, 16, 32] });
    const places = [
      [0, 0],
      [1, 1],
      [0, 2],
      [1, 2],
    ].flatMap(([row, column]) => [0, 0, row, column]);
    const placements = createTensor(gpu, 'placements', [4, 1, 4], { type: 'i32', data: places });
    const seen = createTensor(gpu, 'seen', [4, 1, 2]);
    const first = new Tape();
    const y = first.apply(pad, { x, placements, clock }, { frame: [2, 3], size: [1, 1] });
    first.keep(y);
    const crop = await Plan.compile(gpu, first);
    const second = new Tape();
    second.update(trace(y.shape), { objective: y, g: y, trace: seen, clock });
    second.update(advance(), { clock });
    const record = await Plan.compile(gpu, second);
    submit(gpu, [crop, record, crop, record, crop, record]);
    submit(gpu, [crop, record]);
    expect([...(await read(gpu, seen))]).toEqual([1, 1, 16, 16, 4, 4, 32, 32]);
    expect([...(await readIntegers(gpu, clock))]).toEqual([4]);
    crop.destroy();
    record.destroy();
    destroy(gpu, clock, x, placements, seen);
  });

  test('Adam over many steps follows the float64 loop', async () => {
    const [steps, size] = [20, 70];
    const [p, m, v] = ['p', 'm', 'v'].map((name) =>
      createTensor(gpu, name, [1, size], { data: name === 'p' ? values : [] }),
    );
    const clock = createTensor(gpu, 'clock', [1], { type: 'u32' });
    const rates = createTensor(gpu, 'rates', [steps, 2], {
      data: Array.from({ length: steps }, (_, t) => adamRates(0.05, t + 1)).flat(),
    });
    p.differentiable = true;
    const dy = createTensor(gpu, 'dy', [1, size], { data: ones });
    const tape = new Tape();
    const g = gradientOf(tape.backward(tape.apply(square, { x: p }), dy), p);
    tape.update(adam(p.shape), { p, m, v, g, rates, clock });
    tape.update(advance(), { clock });
    const plan = await Plan.compile(gpu, tape);
    submit(gpu, new Array(steps).fill(plan));
    const actual = await read(gpu, p);
    // p moves along 2 p: away from 0 for the sign it has, by about 0.05 a step
    const expected = values.map((start) => {
      let [x, a, b] = [start, 0, 0];
      for (let t = 1; t <= steps; t++) {
        a = 0.9 * a + 0.1 * 2 * x;
        b = 0.999 * b + 0.001 * (2 * x) ** 2;
        x += (0.05 * (a / (1 - 0.9 ** t))) / (Math.sqrt(b / (1 - 0.999 ** t)) + 1e-8);
      }
      return x;
    });
    actual.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(1e-5 + 1.3e-6 * Math.abs(expected[i]));
    });
    plan.destroy();
    destroy(gpu, p, m, v, clock, rates, dy);
  });
});

describe('refusals', () => {
  const failure = (code: number) => expect.objectContaining({ name: 'StreamscopeError', code });

  test('a buffer above the limit of the adapter, by name and with both sizes', async () => {
    const before = gpu.liveBytes;
    const limit = Math.min(gpu.device.limits.maxBufferSize, gpu.device.limits.maxStorageBufferBindingSize);
    const huge: Shape = [1, limit / 4 + 1];
    expect(() => createTensor(gpu, 'huge', huge)).toThrow(`huge needs ${limit + 4} bytes`);
    expect(() => createTensor(gpu, 'huge', huge)).toThrow(failure(69));
    const x = createTensor(gpu, 'x', [1, 3, 1, 1]);
    const tape = new Tape();
    tape.apply(inflate(huge), { x: tape.apply(normalize, { x }) });
    await expect(Plan.compile(gpu, tape)).rejects.toThrow(failure(69));
    destroy(gpu, x);
    expect(gpu.liveBytes).toBe(before);
  });

  test('more workgroups than a dispatch may have', async () => {
    const before = gpu.liveBytes;
    const limit = gpu.device.limits.maxComputeWorkgroupsPerDimension;
    for (const invocations of [
      [64 * limit + 1, 1],
      [1, limit + 1],
    ] as const) {
      const x = createTensor(gpu, 'x', [1, 1]);
      const tape = new Tape();
      tape.apply(inflate([1, 1], invocations), { x });
      await expect(Plan.compile(gpu, tape)).rejects.toThrow(`the adapter allows ${limit} per dimension`);
      destroy(gpu, x);
    }
    expect(gpu.liveBytes).toBe(before);
    gpu.check(); // nothing reached the device
  });

  test('a missing operand, a write that is too long, a read of what has no buffer', async () => {
    const x = createTensor(gpu, 'x', [1, 2]);
    const tape = new Tape();
    tape.apply(weightedSum, { a: x });
    await expect(Plan.compile(gpu, tape)).rejects.toThrow('weightedSum: operand b is missing.');
    expect(() => write(gpu, x, [1, 2, 3])).toThrow('write: x [1,2] cannot take 3 values at 0.');
    expect(() => write(gpu, x, [1, 2], 1)).toThrow(failure(70));
    destroy(gpu, x);
    await expect(read(gpu, x)).rejects.toThrow('read: x [1,2] has no buffer');
    await expect(readIntegers(gpu, x)).rejects.toThrow(failure(70));
  });
});

/** relu that claims another shape or number of invocations. */
const inflate = (y: Shape, invocations?: readonly [number, number]): Op => ({
  ...relu,
  name: 'inflate',
  recipe(shapes, settings) {
    const recipe = relu.recipe(shapes, settings);
    const forward = { ...recipe.forward, ...(invocations && { invocations }) };
    return { ...recipe, outputs: { y: { shape: y } }, forward };
  },
});

const misnamed: Op = {
  ...relu,
  name: 'misnamed',
  recipe(shapes, settings) {
    const recipe = relu.recipe(shapes, settings);
    return {
      ...recipe,
      outputs: { ...recipe.outputs, nothing: { shape: [1] } },
      forward: { ...recipe.forward, bindings: ['x', 'y', 'nothing'] },
    };
  },
};
