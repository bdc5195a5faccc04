// fusedConv, the convolution for SIMD adapters, against relu, conv2d, batchNorm and add in float64: y, dx, da, and
// gradients that accumulate. The bounds are those of the plain convolution.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read, type Tensor } from '../../src/engine/tensor.ts';
import { fusedConv } from '../../src/kernels/fusedConv.ts';
import { fusedCase, fusedName } from '../support/fusedCases.ts';
import { AWKWARD, WHOLE_FRAMES, windowShapes } from '../support/fusedShapes.ts';
import { checkOp } from '../support/opCheck.ts';
import { simdLanes } from '../support/simd.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

describe('ResNet18 at 224 x 224', () => {
  for (const shape of WHOLE_FRAMES)
    test(fusedName(shape), (context) => checkOp(gpu, fusedCase(shape, simdLanes(gpu, context))));
});

describe('windows of a centre unit', () => {
  const shapes = windowShapes('1.0.O', '3.1.O');
  for (const shape of shapes)
    test(fusedName(shape), (context) => checkOp(gpu, fusedCase(shape, simdLanes(gpu, context))));
  test('there are many', () => expect(shapes.length).toBeGreaterThan(50));
});

describe('awkward shapes', () => {
  for (const shape of AWKWARD)
    test(fusedName(shape), (context) => checkOp(gpu, fusedCase(shape, simdLanes(gpu, context))));
  test('are many', () => expect(new Set(AWKWARD.map(fusedName)).size).toBeGreaterThanOrEqual(60));
});

// a run that diverges must be seen to: NaN must not become a number on the way
test.for([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  '%d in x, a or dy comes through where nothing is rectified',
  async (bad, context) => {
    const lanes = simdLanes(gpu, context);
    const shape = [1, 1, 2, 8]; // one texel per pixel
    const make = (name: string, first: number, differentiable = false) =>
      createTensor(gpu, name, shape, { data: [first, ...Array(15).fill(1)], differentiable });
    const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const w = createTensor(gpu, 'w', [1, 1, 4, 4], { data: identity });
    const bias = createTensor(gpu, 'bias', [4], { data: [0, 0, 0, 0] });
    const [good, x, dy] = [make('good', 1, true), make('x', bad), make('dy', bad)];
    const settings = { filter: [4, 1, 1], stride: 1, pad: [0, 0, 0, 0], rectify: false, lanes } as const;
    const tape = new Tape();
    const convolve = (x: Tensor) => tape.apply(fusedConv, { x, w, v: w, bias }, settings);
    const bypass = { offset: [0, 0], rectify: false } as const;
    const sum = tape.apply(fusedConv, { x: good, w, v: w, bias, a: x }, { ...settings, bypass });
    const y = convolve(good);
    const kept = [convolve(x), sum, gradientOf(tape.backward(y, dy), good)];
    for (const tensor of kept) tape.keep(tensor);
    const plan = await Plan.compile(gpu, tape);
    submit(gpu, [plan]);
    for (const tensor of kept) {
      const [first, ...others] = await read(gpu, tensor);
      expect(first).toBe(bad);
      expect(others.slice(3).every(Number.isFinite)).toBe(true); // other pixels
    }
    plan.destroy();
    destroy(gpu, w, bias, good, x, dy);
  },
);
