// The profiler reports what the plan describes, once per dispatch, and leaves results alone.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { formatTimings, profile } from '../../src/engine/profiler.ts';
import { gradientOf, Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import { relu } from '../../src/kernels/relu.ts';
import { randomArray } from '../support/arrays.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

test('one row per dispatch: label, shapes, flops and bytes as described, a time of zero or more', async () => {
  const x = createTensor(gpu, 'x', [2, 3, 16, 16], {
    data: randomArray('x', [2, 3, 16, 16]).data,
    differentiable: true,
  });
  const w = createTensor(gpu, 'w', [4, 3, 3, 3], { data: randomArray('w', [4, 3, 3, 3]).data });
  const dy = createTensor(gpu, 'dy', [2, 4, 16, 16], { data: randomArray('dy', [2, 4, 16, 16]).data });
  const tape = new Tape();
  const h = tape.apply(conv2d, { x, w }, { stride: 1, pad: [1, 1, 1, 1] });
  const y = tape.keep(tape.apply(relu, { x: h }));
  const dx = tape.keep(gradientOf(tape.backward(y, dy), x));
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  const before = [await read(gpu, y), await read(gpu, dx)];
  const bytes = gpu.liveBytes;

  const timings = await profile(gpu, plan);
  expect(timings.map(({ label }) => label)).toEqual([
    'conv2d',
    'relu',
    'relu.backward x',
    'conv2d.backward x',
  ]);
  const flops = 2 * (2 * 4 * 16 * 16) * (3 * 3 * 3);
  expect(timings.map((timing) => timing.flops)).toEqual([flops, 2048, 2048, flops]);
  expect(plan.flops).toBe(2 * flops + 2 * 2048);
  expect(timings[0].shape).toBe('2x3x16x16 4x3x3x3 2x4x16x16');
  expect(timings[0].bytes).toBe(4 * (1536 + 108 + 2048));
  expect(timings[2].bytes).toBe(4 * 3 * 2048);
  for (const { milliseconds } of timings) {
    expect(milliseconds).toBeGreaterThanOrEqual(0);
    expect(milliseconds).toBeLessThan(10_000);
  }
  expect(timings.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeGreaterThan(0);
  expect([await read(gpu, y), await read(gpu, dx)]).toEqual(before);
  expect(gpu.liveBytes).toBe(bytes);
  plan.destroy();
  destroy(gpu, x, w, dy);
});

test('the table has a row per timing and a total, and no rate where no time passed', () => {
  const row = { label: 'conv2d', shape: '1x2', milliseconds: 2, flops: 4e6, bytes: 8e6 };
  const lines = formatTimings([row, { ...row, label: 'relu', milliseconds: 0 }]).split('\n');
  expect(lines.length).toBe(3);
  expect(lines[0]).toMatch(/^conv2d +2\.000 ms +2\.00 GFLOP\/s +4\.00 GB\/s +1x2$/);
  expect(lines[1]).toMatch(/^relu +0\.000 ms +- GFLOP\/s +- GB\/s +1x2$/);
  expect(lines[2]).toMatch(/^total +2\.000 ms +4\.00 GFLOP\/s +8\.00 GB\/s *$/);
});
