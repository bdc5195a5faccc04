// What closes a step on the GPU against float64: Adam, the trace and the clock. Adam's bound is that of
// torch.testing.assert_close for float32 with a wider absolute part: |difference| <= 1e-5 + 1.3e-6 |expected|.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, readIntegers } from '../../src/engine/tensor.ts';
import { type Array64, adam as adamReference } from '../../src/kernels/reference.ts';
import { adam, adamRates, advance, trace } from '../../src/kernels/update.ts';
import { randomArray } from '../support/arrays.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const SHAPES = [
  [1, 1],
  [3, 67],
  [2, 3, 5, 4, 2],
  [8, 64],
  [1, 3, 224, 113, 2],
];
const STEPS = 3;

/** Gradients from 1e-6 to 10 and both signs: large and tiny steps at once. */
function gradient(shape: readonly number[]): Array64 {
  const [g, size] = [randomArray(`g ${shape}`, shape), randomArray(`size ${shape}`, shape)];
  g.data.forEach((value, i) => {
    g.data[i] = Math.fround(value * 10 ** (2 * size.data[i] - 2.5));
  });
  return g;
}

for (const shape of SHAPES)
  test(`adam ${shape.join('x')}: ${STEPS} steps`, async () => {
    const [p, g] = [randomArray(`p ${shape}`, shape), gradient(shape)];
    const [m, v] = [0, 0].map(() => ({ shape, data: new Float64Array(p.data.length) }));
    const tensors = Object.fromEntries(
      Object.entries({ p, m, v, g }).map(([name, { data }]) => [
        name,
        createTensor(gpu, name, shape, { data }),
      ]),
    );
    tensors.clock = createTensor(gpu, 'clock', [1], { type: 'u32' });
    const rates = Array.from({ length: STEPS }, (_, step) => adamRates(0.05, step + 1)).flat();
    tensors.rates = createTensor(gpu, 'rates', [STEPS, 2], { data: rates });
    const tape = new Tape();
    tape.update(adam(shape), tensors);
    tape.update(advance(), tensors);
    const plan = await Plan.compile(gpu, tape);
    for (let step = 0; step < STEPS; step++) {
      submit(gpu, [plan]);
      adamReference(p, m, v, g, 0.05, step + 1);
      for (const [name, { data }] of Object.entries({ p, m, v })) {
        const actual = await read(gpu, tensors[name]);
        const wrong = actual.findIndex(
          (value, i) => !(Math.abs(value - data[i]) <= 1e-5 + 1.3e-6 * Math.abs(data[i])),
        );
        expect(wrong, `${name} at step ${step}: ${actual[wrong]}, expected ${data[wrong]}`).toBe(-1);
      }
    }
    expect([...(await readIntegers(gpu, tensors.clock))]).toEqual([STEPS]);
    plan.destroy();
    destroy(gpu, ...Object.values(tensors));
  });

// a sum of n squares in 64 strands errs by less than (n / 64 + 6) 2^-24 of itself, its root by half of that
for (const shape of SHAPES)
  test(`trace ${shape.join('x')}: objective and norm per sample, a row per step`, async () => {
    const [N, ...rest] = shape;
    const size = rest.reduce((a, b) => a * b, 1);
    const [g, objective] = [randomArray(`trace ${shape}`, shape), randomArray(`objective ${shape}`, [N])];
    const tensors = {
      g: createTensor(gpu, 'g', shape, { data: g.data }),
      objective: createTensor(gpu, 'objective', [N], { data: objective.data }),
      trace: createTensor(gpu, 'trace', [3, N, 2]),
      clock: createTensor(gpu, 'clock', [1], { type: 'u32' }),
    };
    const tape = new Tape();
    tape.update(trace(shape), tensors);
    tape.update(advance(), tensors);
    const plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan, plan]);
    const seen = await read(gpu, tensors.trace);
    for (let n = 0; n < N; n++) {
      const exact = Math.sqrt(g.data.subarray(n * size, (n + 1) * size).reduce((sum, x) => sum + x * x, 0));
      for (const step of [0, 1]) {
        const [value, measured] = seen.subarray(2 * (step * N + n));
        expect(value).toBe(objective.data[n]);
        expect(Math.abs(measured - exact) / exact).toBeLessThan((size / 64 + 8) * 2 ** -25);
      }
      expect([...seen.subarray(2 * (2 * N + n), 2 * (2 * N + n) + 2)]).toEqual([0, 0]);
    }
    plan.destroy();
    destroy(gpu, ...Object.values(tensors));
  });
