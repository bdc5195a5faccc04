// gemmConv, the convolution for real GPUs, against relu, conv2d, batchNorm and add in float64: y, dx, da, and gradients
// that accumulate. The bounds are those of the plain convolution. It runs on any adapter; on one that computes on the
// CPU it is slow, so whole frames take turns: every layer with the default tiles, a few with every tile and split.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, type Tensor } from '../../src/engine/tensor.ts';
import { gemmConv } from '../../src/kernels/gemmConv.ts';
import { chooseTiling, type Product, type Tiling } from '../../src/kernels/gemmTiling.ts';
import { gemmCase, gemmName } from '../support/fusedCases.ts';
import { AWKWARD, FEW, WHOLE_FRAMES, windowShapes } from '../support/fusedShapes.ts';
import { checkOp } from '../support/opCheck.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

/** What a large GPU would get. */
const byDefault = (product: Product): Tiling => chooseTiling(product, 256, !gpu.isSoftware);

describe('ResNet18 at 224 x 224', () => {
  for (const shape of WHOLE_FRAMES) test(gemmName(shape), () => checkOp(gpu, gemmCase(shape, byDefault)));
});

describe('windows of a centre unit', () => {
  const shapes = windowShapes('1.0.O', '3.1.O');
  for (const shape of shapes) test(gemmName(shape), () => checkOp(gpu, gemmCase(shape, byDefault)));
  test('there are many', () => expect(shapes.length).toBeGreaterThan(50));
});

describe('awkward shapes', () => {
  for (const shape of AWKWARD) test(gemmName(shape), () => checkOp(gpu, gemmCase(shape, byDefault)));
});

const TILINGS: readonly Tiling[] = [
  { tile: [64, 64], tall: true, split: 1, unroll: true },
  { tile: [64, 64], tall: false, split: 3, unroll: false },
  { tile: [32, 32], tall: false, split: 2, unroll: true },
  { tile: [32, 64], tall: true, split: 16, unroll: false }, // more parts than some sums have terms
  { tile: [16, 64], tall: false, split: 1, unroll: false },
];

describe.each(TILINGS)('tiles of $tile, tall $tall, $split parts', (tiling) => {
  for (const shape of FEW)
    test(gemmName(shape), () =>
      checkOp(
        gpu,
        gemmCase(shape, () => tiling),
      ),
    );
});

// a run that diverges must be seen to: NaN must not become a number on the way
test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  '%d in x, a or dy comes through where nothing is rectified',
  async (bad) => {
    const make = (name: string, first: number, differentiable = false) =>
      createTensor(gpu, name, [1, 1, 2, 8], { data: [first, ...Array(15).fill(1)], differentiable });
    const w = createTensor(gpu, 'w', [1, 4], { data: [1, 0, 0, 0] });
    const bias = createTensor(gpu, 'bias', [1], { data: [0] });
    const [good, x, dy] = [make('good', 1, true), make('x', bad), make('dy', bad)];
    const convolution = { filter: [1, 1, 1], stride: 1, pad: [0, 0, 0, 0], rectify: false } as const;
    const settings = { ...convolution, tiling: byDefault };
    const tape = new Tape();
    const convolve = (x: Tensor) => tape.apply(gemmConv, { x, w, v: w, bias }, settings);
    const bypass = { offset: [0, 0], rectify: false } as const;
    const sum = tape.apply(gemmConv, { x: good, w, v: w, bias, a: x }, { ...settings, bypass });
    const y = convolve(good);
    const kept = [convolve(x), sum, gradientOf(tape.backward(y, dy), good)];
    for (const tensor of kept) tape.keep(tensor);
    const plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan]);
    for (const tensor of kept) {
      const [first, ...others] = await read(gpu, tensor);
      expect(first).toBe(bad);
      expect(others.every(Number.isFinite)).toBe(true); // other pixels
    }
    plan.destroy();
    destroy(gpu, w, bias, good, x, dy);
  },
);

test('what does not fit is refused, with names and sizes', () => {
  const settings = {
    filter: [2, 3, 3],
    stride: 1,
    pad: [0, 0, 0, 0],
    rectify: false,
    tiling: byDefault,
  } as const;
  const shapes = { x: [1, 2, 5, 5], w: [18, 4], v: [36, 4], bias: [4] };
  const refused = (other: Partial<typeof shapes>, more = {}) =>
    expect(() => gemmConv.recipe({ ...shapes, ...other }, { ...settings, ...more }));
  refused({ x: [1, 3, 5, 5] }).toThrow('gemmConv: x is [1,3,5,5], expected [*,2,*,*].');
  refused({ x: [1, 2, 2, 5] }).toThrow('gemmConv: a 3x3 filter does not fit 2x5 with padding 0,0,0,0.');
  refused({ w: [18, 8] }).toThrow('gemmConv: w is [18,8], expected [18,4].');
  refused({ v: [18, 4] }).toThrow('gemmConv: v is [18,4], expected [36,4].');
  refused({}, { bypass: { offset: [0, 0], rectify: false } }).toThrow('gemmConv: a is nothing');
});
