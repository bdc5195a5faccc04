// A sample's result does not depend on the batch it is in, and a repeated run gives the same bits: every op, forward
// and backward, for a batch of three against its samples one by one.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, type Tensor } from '../../src/engine/tensor.ts';
import { chooseTiling, type Product } from '../../src/kernels/gemmTiling.ts';
import { randomArray } from '../support/arrays.ts';
import { gemmCase } from '../support/fusedCases.ts';
import {
  colourCase,
  columnsCase,
  normalizeCase,
  padCase,
  rowsCase,
  warpCase,
} from '../support/imageCases.ts';
import * as cases from '../support/opCases.ts';
import type { OpCase } from '../support/opCheck.ts';
import { affine } from '../support/warps.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const N = 3;
const turned = [7, -20, 33].map((degrees) => affine([9, 11], [10, 8], { degrees }));

const tilesFor = (wanted: number) => (product: Product) => chooseTiling(product, wanted, false);

const rows: OpCase[] = [
  cases.convCase([N, 33, 9, 7], [17, 3, 3], 2, [1, 0, 2, 1]),
  // small tiles for one sample, large ones for three; and sums in parts
  gemmCase({ x: [N, 17, 9, 7], filter: [33, 3, 3], pad: 1, rectify: true, bypass: {} }, tilesFor(4)),
  gemmCase({ x: [N, 33, 9, 7], filter: [17, 3, 3], stride: 2, pad: [1, 0, 2, 1] }, tilesFor(64)),
  cases.maxPoolCase([N, 3, 9, 8], 3, 2, 1),
  cases.batchNormCase([N, 5, 7, 3]),
  cases.reluCase([N, 5, 7, 3]),
  cases.addCase([N, 3, 9, 7], [4, 5], [2, 1]),
  cases.averageCase([N, 5, 7, 9]),
  cases.linearCase(N, 65, 33),
  cases.objectiveCase([N, 4, 9, 7], [3, 0, 2], [1, 0, 7, 7]),
  columnsCase([N, 2], [33, 9], [20, 5]),
  rowsCase([N, 2], [9, 33], [5, 20]),
  padCase(
    [N, 2, 5, 6],
    [5, 6],
    [9, 8],
    [
      [0, 0, -4, -3],
      [0, 0, -1, 2],
      [0, 0, 1, -2],
    ],
  ),
  warpCase([N, 2, 9, 11], [10, 8], 'turned', turned),
  colourCase([N, 3, 7, 5]),
  normalizeCase([N, 3, 7, 5]),
];

/** Tables with an entry per sample; the others are shared by the batch. */
const PER_SAMPLE = new Set(['channels', 'origins', 'placements', 'maps']);

for (const row of rows)
  test(row.name, async () => {
    const whole = await run(row);
    expect(await run(row)).toEqual(whole);
    for (let n = 0; n < N; n++) {
      const alone = await run(row, n);
      for (const [name, values] of Object.entries(alone)) {
        const { length } = values;
        expect(whole[name].subarray(n * length, (n + 1) * length), `${name} of sample ${n}`).toEqual(values);
      }
    }
  });

/** y and the gradients of the batch, or of one sample of it. */
async function run(row: OpCase, only?: number): Promise<Record<string, Float32Array>> {
  const part = (data: ArrayLike<number>) => {
    const size = data.length / N;
    return only === undefined ? data : Array.from(data).slice(only * size, (only + 1) * size);
  };
  const resize = (shape: readonly number[], axis: number) =>
    only === undefined ? shape : shape.map((size, i) => (i === axis ? 1 : size));
  const tensors: Record<string, Tensor> = { clock: createTensor(gpu, 'clock', [1], { type: 'u32' }) };
  for (const [name, { shape, data }] of Object.entries(row.inputs))
    tensors[name] = createTensor(gpu, name, resize(shape, 0), { data: part(data), differentiable: true });
  for (const [name, { shape, type, data }] of Object.entries(row.tables ?? {})) {
    const own = PER_SAMPLE.has(name);
    const axis = name === 'channels' ? 0 : 1;
    tensors[name] = createTensor(gpu, name, own ? resize(shape, axis) : shape, {
      type,
      data: own ? part(data) : data,
    });
  }
  const tape = new Tape();
  const y = tape.keep(row.record(tape, tensors));
  const dy = randomArray(`${row.name} dy`, [N, ...y.shape.slice(1)]);
  tensors.dy = createTensor(gpu, 'dy', y.shape, { data: part(dy.data) });
  const arrived = tape.backward(y, tensors.dy);
  const kept = Object.keys(row.inputs).map(
    (name) => [`d${name}`, tape.keep(gradientOf(arrived, tensors[name]))] as const,
  );
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  const results: Record<string, Float32Array> = { y: await read(gpu, y) };
  for (const [name, tensor] of kept) results[name] = await read(gpu, tensor);
  plan.destroy();
  destroy(gpu, ...Object.values(tensors));
  return results;
}
