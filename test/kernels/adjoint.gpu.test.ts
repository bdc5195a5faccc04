// <A x, y> = <x, A' y> on the GPU for every linear op: forward and backward are transposes of each other. A batch
// carries many pairs of random vectors; inner products are taken in float64 on the CPU. ReLU and max pooling pass
// too: they are linear where their x keeps its order, and A x is their value there.
//
// The difference is relative to sqrt(sum (Ax y)^2), the size such an inner product typically has. Every element
// of Ax and of A'y errs by about 1e-6 of its rms, independently, so the bound of 1e-5 leaves a margin of ten.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, type Tensor } from '../../src/engine/tensor.ts';
import { type Array64, zeros } from '../../src/kernels/reference.ts';
import { dot, randomArray, typicalDot } from '../support/arrays.ts';
import { columnsCase, normalizeCase, padCase, rowsCase, warpCase } from '../support/imageCases.ts';
import * as cases from '../support/opCases.ts';
import type { OpCase } from '../support/opCheck.ts';
import { affine } from '../support/warps.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const BOUND = 1e-5;

// two batches of 50 or more for every op
const N = 50;
const turned = (...degrees: number[]) =>
  degrees.map((angle) => affine([9, 11], [10, 8], { degrees: angle, zoom: 1.1 }));
const rows: OpCase[] = [
  cases.convCase([N, 3, 9, 8], [5, 3, 3], 1, 1),
  cases.convCase([N, 4, 11, 7], [3, 3, 3], 2, [1, 0, -1, 2]),
  cases.convCase([N, 2, 9, 9], [6, 1, 1], 2),
  cases.addCase([N, 3, 7, 5]),
  cases.addCase([N, 2, 9, 7], [3, 5], [6, 2]),
  cases.averageCase([N, 5, 3, 5]),
  cases.averageCase([N, 3, 9, 7]),
  cases.linearCase(N, 33, 17),
  cases.linearCase(N, 5, 70),
  cases.batchNormCase([N, 5, 4, 3]),
  cases.batchNormCase([N, 3, 7, 7]),
  cases.objectiveCase([N, 4, 5, 5], channels(N, 4), [1, 2, 3, 2]),
  cases.objectiveCase([N, 6, 4, 7], channels(N, 6), [0, 0, 4, 7]),
  cases.reluCase([N, 3, 5, 7]),
  cases.reluCase([N, 65]),
  cases.maxPoolCase([N, 3, 9, 8], 3, 2, 1),
  cases.maxPoolCase([N, 2, 7, 9], 3, 1, [0, 1, 2, 0]),
  columnsCase([N, 2], [9, 6]),
  columnsCase([N, 1], [16, 9], [5, 4]),
  rowsCase([N, 2], [6, 9]),
  rowsCase([N, 1], [9, 16], [4, 5]),
  padCase(
    [N, 2, 5, 6],
    [5, 6],
    [9, 11],
    [
      [0, 0, -4, -3],
      [0, 0, -1, 2],
    ],
  ),
  padCase(
    [N, 2, 3, 4],
    [7, 9],
    [6, 7],
    [
      [4, 0, 5, -4],
      [0, 5, -5, 4],
      [2, 3, 0, 0],
    ],
  ),
  warpCase([N, 2, 9, 11], [10, 8], 'turned', turned(12, -33, 71, 180)),
  warpCase([N, 2, 9, 11], [10, 8], 'turned the other way', turned(-5, 3, 0, 45)),
  normalizeCase([N, 3, 5, 4]),
  normalizeCase([N, 3, 7, 3]),
];

function channels(count: number, C: number): number[] {
  return Array.from({ length: count }, (_, n) => (5 * n) % C);
}

for (const row of rows)
  test(row.name, async () => {
    const { y, dy, dx } = await run(row, row.inputs);
    const nothing = Object.entries(row.inputs).map(([name, { shape }]) => [name, zeros(...shape)]);
    const origin = (await run(row, Object.fromEntries(nothing))).y; // the constant of an affine op
    const part = (data: ArrayLike<number>, n: number) =>
      Float64Array.from(data).subarray((n * data.length) / N, ((n + 1) * data.length) / N);
    for (let n = 0; n < N; n++) {
      const Ax = part(y, n).map((value, i) => value - part(origin, n)[i]);
      const left = dot(Ax, part(dy.data, n));
      let right = 0;
      for (const [name, { data }] of Object.entries(row.inputs))
        right += dot(part(data, n), part(dx[name], n));
      const error = Math.abs(left - right) / typicalDot(Ax, part(dy.data, n));
      expect(error, `pair ${n}`).toBeLessThanOrEqual(BOUND);
    }
  });

/** y and the gradients for these inputs, at the first step of the clock. */
async function run(row: OpCase, inputs: Record<string, Array64>) {
  const tensors: Record<string, Tensor> = { clock: createTensor(gpu, 'clock', [1], { type: 'u32' }) };
  for (const [name, { shape, data }] of Object.entries(inputs))
    tensors[name] = createTensor(gpu, name, shape, { data, differentiable: true });
  for (const [name, { shape, type, data }] of Object.entries(row.tables ?? {}))
    tensors[name] = createTensor(gpu, name, shape, { type, data });
  const tape = new Tape();
  const y = tape.keep(row.record(tape, tensors));
  const dy = randomArray(`${row.name} dy`, y.shape);
  tensors.dy = createTensor(gpu, 'dy', dy.shape, { data: dy.data });
  const arrived = tape.backward(y, tensors.dy);
  const gradients = Object.keys(inputs).map((name) => ({
    name,
    d: tape.keep(gradientOf(arrived, tensors[name])),
  }));
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  const dx: Record<string, Float32Array> = {};
  for (const { name, d } of gradients) dx[name] = await read(gpu, d);
  const result = { y: await read(gpu, y), dy, dx };
  plan.destroy();
  destroy(gpu, ...Object.values(tensors));
  return result;
}
