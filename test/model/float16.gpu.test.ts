// Weights stored as float16: the same bytes where the folded weights are halves anyway, other numbers elsewhere, half
// the memory; in both families of kernels that store them.

import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { float16Error } from '../../src/analysis/float16Error.ts';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { halfToNumber, numberToHalf } from '../../src/model/elements.ts';
import { BATCH_NORM, Parameters } from '../../src/model/parameters.ts';
import { layoutOf, rowsOf } from '../../src/model/receptiveField.ts';
import { recordResnet } from '../../src/model/resnet.ts';
import type { Weights } from '../../src/model/weights.ts';
import { randomArray } from '../support/arrays.ts';
import { simdLanes } from '../support/simd.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const PLACE = '2.0.O';
const { network, weights } = syntheticModel({ width: 20 });

/** With a batch norm whose scale is 1 to a quarter of float32's last bit, folding leaves a half what it is. */
const halves: Weights = new Map(
  [...weights].map(([name, { shape, data }]) => {
    const value = (v: number) => {
      if (name.endsWith('running_var')) return 1 - BATCH_NORM.eps;
      if (shape.length === 1) return name.endsWith('.weight') ? 1 : v;
      return halfToNumber(numberToHalf(v));
    };
    return [name, { shape, data: data.map(value) }];
  }),
);

describe.each(['simd', 'gemm'] as const)('%s', (kernels) => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await Gpu.acquire(kernels === 'gemm' ? kernels : undefined);
  });
  afterAll(() => gpu?.close());
  const applies = (context: TestContext) => {
    if (kernels === 'simd') simdLanes(gpu, context);
  };

  /** A frame of a place, the gradient of all of it by the input, and the bytes of the weights. */
  async function run(given: Weights, storage: 'f32' | 'f16') {
    const before = gpu.liveBytes;
    const parameters = new Parameters(gpu, given, storage);
    const layout = layoutOf(network, 64, [{ place: PLACE, region: 'all' }]);
    const rows = rowsOf(layout, 'input');
    const { shape, data } = randomArray('image', [1, 3, rows, rows]);
    const tape = new Tape();
    const x = createTensor(gpu, 'x', shape, { data, differentiable: true });
    const unneeded = gpu.liveBytes;
    const y = tape.keep(recordResnet(tape, layout, parameters, x).get(PLACE)!);
    const bytes = gpu.liveBytes - unneeded;
    const dy = createTensor(gpu, 'dy', y.shape, { data: randomArray('dy', y.shape).data });
    const dx = tape.keep(gradientOf(tape.backward(y, dy), x));
    const plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan]);
    const result = { values: await read(gpu, y), gradient: await read(gpu, dx), bytes };
    plan.destroy();
    destroy(gpu, x, dy);
    parameters.destroy();
    expect(gpu.liveBytes).toBe(before);
    return result;
  }

  test('weights that are halves give the same bytes', async (context) => {
    applies(context);
    const [f16, f32] = [await run(halves, 'f16'), await run(halves, 'f32')];
    expect(f16.values).toEqual(f32.values);
    expect(f16.gradient).toEqual(f32.gradient);
    expect(f32.values.some((value) => value !== 0)).toBe(true);
    expect(f32.gradient.some((value) => value !== 0)).toBe(true);
    // biases stay what they are; textures end in unfinished rows
    expect(f16.bytes).toBeLessThan(0.6 * f32.bytes);
  });

  test('others are rounded, by so much', async (context) => {
    applies(context);
    const error = (await float16Error(gpu, network, weights))!;
    expect(error.tap).toBe('4.1.O');
    expect(error.values).toBeGreaterThan(1e-5);
    expect(error.values).toBeLessThan(1e-2);
    expect(error.gradient).toBeGreaterThan(1e-5);
    const none = (await float16Error(gpu, network, halves))!;
    expect(none).toEqual({ tap: '4.1.O', values: 0, gradient: 0 });
  });

  test('a weight beyond the range of halves is refused by name', async (context) => {
    applies(context);
    const name = 'layer1.0.bn1.weight';
    const { shape, data } = weights.get(name)!;
    const large = new Map([...weights, [name, { shape, data: data.map((v) => 1e6 * v) }]]);
    await expect(run(large, 'f16')).rejects.toThrow(/layer1\.0\.conv1\.weight .* float16 ends at 65504/);
  });
});
