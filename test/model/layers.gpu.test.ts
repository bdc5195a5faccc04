// The network recorded in three ways, plain, fused for SIMD adapters and as products of matrices, gives the same numbers:
// every tap's values and the gradient of a unit in its middle by the input, with B computed on the way to O or for
// itself, and with edits.

import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { relu } from '../../src/kernels/relu.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { type Layout, layoutOf, rowsOf, type Target } from '../../src/model/receptiveField.ts';
import { type ResnetOptions, recordResnet } from '../../src/model/resnet.ts';
import { tapsOf } from '../../src/model/taps.ts';
import { randomArray } from '../support/arrays.ts';
import { BACKWARD_BOUND, FORWARD_BOUND } from '../support/opCheck.ts';
import { simdLanes } from '../support/simd.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const FRAME = 64;

const edits = (place: string): ResnetOptions => ({
  edits: new Map([[place, (tape, x) => tape.apply(relu, { x })]]),
});

// 20 channels are no multiple of the lanes, and neither are 40; of the tiles of gemm, none is
describe.each([
  { kernels: 'simd', op: 'fusedConv', width: 8 },
  { kernels: 'simd', op: 'fusedConv', width: 20 },
  { kernels: 'simd, Winograd', op: 'fusedConv', width: 64 },
  { kernels: 'gemm', op: 'gemmConv', width: 20 },
] as const)('$kernels: a network of width $width', ({ kernels, op, width }) => {
  const { network, weights } = syntheticModel({ width });
  const places = [...new Set(tapsOf(network).map(({ place }) => place))];
  let gpu: Gpu;
  let parameters: Parameters;
  beforeAll(async () => {
    gpu = await Gpu.acquire(kernels === 'gemm' ? kernels : undefined);
    gpu.winograd = kernels === 'simd, Winograd';
    parameters = new Parameters(gpu, weights);
  });
  afterAll(() => {
    parameters?.destroy();
    gpu?.close();
  });
  /** Skips where the kernels are not for this adapter. */
  const applies = (context: TestContext) => {
    if (kernels !== 'gemm') simdLanes(gpu, context);
  };

  /** Values of the wanted places, the input's gradient of a unit in the middle of the last, and the ops used. */
  async function run(layout: Layout, wanted: readonly string[], options: ResnetOptions) {
    const rows = rowsOf(layout, 'input');
    const { shape, data } = randomArray(`image ${rows}`, [1, 3, rows, rows]);
    const tape = new Tape();
    const x = createTensor(gpu, 'x', shape, { data, differentiable: true });
    const recorded = recordResnet(tape, layout, parameters, x, options);
    const tensors = wanted.map((place) => tape.keep(recorded.get(place)!));
    const last = tensors.at(-1)!;
    const [, C, H, W] = last.shape;
    const middle = Math.floor(C / 2) * H * W + Math.floor(H / 2) * W + Math.floor(W / 2);
    const unit = Float32Array.from({ length: last.size }, (_, i) => Number(i === middle));
    const dy = createTensor(gpu, 'dy', last.shape, { data: unit });
    const dx = tape.keep(gradientOf(tape.backward(last, dy), x));
    const plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan]);
    const values = new Map<string, Float32Array>();
    for (const [i, place] of wanted.entries()) values.set(place, await read(gpu, tensors[i]));
    const gradient = await read(gpu, dx);
    plan.destroy();
    destroy(gpu, x, dy);
    const entryPoints = tape.dispatches.map(({ pass }) => pass.entryPoint);
    return { values, gradient, ops: tape.dispatches.map(({ label }) => label), entryPoints };
  }

  /** Compares the targets. The last is the one whose gradient is compared. */
  async function compare(targets: readonly Target[], options: ResnetOptions = {}) {
    const layout = layoutOf(network, FRAME, targets);
    const wanted = targets.map(({ place }) => place);
    const plain = await run(layout, wanted, { ...options, plain: true });
    const fused = await run(layout, wanted, options);
    expect(plain.ops).toContain('batchNorm');
    expect(plain.ops).not.toContain(op);
    expect(fused.ops).toContain(op);
    expect(fused.ops).not.toContain('batchNorm');
    for (const place of wanted) {
      const error = errorOverRms(fused.values.get(place)!, plain.values.get(place)!);
      expect(error, `values of ${place}`).toBeLessThanOrEqual(FORWARD_BOUND);
    }
    const error = errorOverRms(fused.gradient, plain.gradient);
    expect(error, `gradient of ${wanted.at(-1)}`).toBeLessThanOrEqual(BACKWARD_BOUND);
    return { plain, fused };
  }

  const centre = (...names: string[]): Target[] => names.map((place) => ({ place, region: 'centre' }));
  const all = (...names: string[]): Target[] => names.map((place) => ({ place, region: 'all' }));

  const sums = places.filter((place) => !place.endsWith('.B'));

  // whole frames: all taps have the same kernels, which are many to compile
  test.for(places)('%s and its gradient, every B for itself', async (place, context) => {
    applies(context);
    const others = places.filter((other) => other !== place);
    await compare(all(...others, place));
  });

  test.for(sums)('%s and its gradient, every B fused', async (place, context) => {
    applies(context);
    await compare(all(...sums.filter((other) => other !== place), place));
  });

  test(`${kernels.includes('Winograd') ? 'some' : 'no'} convolution goes Winograd's way`, async (context) => {
    applies(context);
    const { fused } = await compare(all('1.1.O'));
    expect(fused.entryPoints.includes('transform_patches')).toBe(kernels.includes('Winograd'));
  });

  test('windows of a centre unit', async (context) => {
    applies(context);
    for (const place of ['1.1.O', '2.0.B', '2.1.O', '3.0.I', '3.1.O']) await compare(centre(place));
  });

  test('B is fused into the sum, unless it is wanted for itself', async (context) => {
    applies(context);
    const additions = (ops: string[]) => ops.filter((op) => op === 'add').length;
    for (const block of ['1.0', '2.0', '2.1']) {
      expect(additions((await compare(all(`${block}.O`))).fused.ops)).toBe(0);
      expect(additions((await compare(all(`${block}.B`, `${block}.O`))).fused.ops)).toBe(1);
    }
  });

  test('an edit at B reaches the sum, both ways', async (context) => {
    applies(context);
    for (const block of ['1.1', '2.0', '3.1']) {
      const targets = all(`${block}.O`);
      const { fused } = await compare(targets, edits(`${block}.B`));
      expect(fused.ops).toContain('add');
      const { fused: untouched } = await compare(targets);
      expect(fused.values.get(`${block}.O`)).not.toEqual(untouched.values.get(`${block}.O`));
    }
  });

  test('an edit at O reaches the block behind it', async (context) => {
    applies(context);
    await compare(all('2.1.O'), edits('2.0.O'));
    await compare(all('2.0.O'), edits('2.0.I'));
  });
});
