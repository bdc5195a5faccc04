// The self-test that `doctor` runs: passes on a working adapter and leaves nothing behind.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { KERNEL_FAMILIES } from '../../src/engine/kernelFamily.ts';
import { errorOverRms, selfTest } from '../../src/engine/selfTest.ts';
import { simdLanes } from '../support/simd.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

test('passes, within its own bound', async () => {
  const { error, bound, passed, milliseconds } = await selfTest(gpu);
  expect(passed).toBe(true);
  expect(error).toBeLessThanOrEqual(bound);
  expect(error).toBeGreaterThan(0);
  expect(milliseconds).toBeGreaterThan(0);
});

test.for(KERNEL_FAMILIES)('tests the %s kernels where they are chosen', async (kernels, context) => {
  if (kernels === 'simd') simdLanes(gpu, context);
  const own = await Gpu.acquire(kernels);
  const before = own.liveBytes;
  const { error, passed } = await selfTest(own);
  expect(passed, `error ${error}`).toBe(true);
  expect(own.liveBytes).toBe(before);
  own.close();
});

test('gives the same result twice and frees its buffers', async () => {
  const before = gpu.liveBytes;
  const first = await selfTest(gpu);
  const second = await selfTest(gpu);
  expect(second.error).toBe(first.error);
  expect(gpu.liveBytes).toBe(before);
});

test('the error measure: largest difference over rms, infinite for NaN, missing and extra values', () => {
  expect(errorOverRms([1, 2], [1, 2])).toBe(0);
  expect(errorOverRms([3, 4.5], [3, 4])).toBeCloseTo(0.5 / Math.sqrt(12.5), 12);
  expect(errorOverRms([Number.NaN, 1], [1, 1])).toBe(Number.POSITIVE_INFINITY);
  expect(errorOverRms([1, Number.NaN, 1], [1, 1, 1])).toBe(Number.POSITIVE_INFINITY);
  expect(errorOverRms([1], [1, 1])).toBe(Number.POSITIVE_INFINITY);
  expect(errorOverRms([1, 1, 1], [1, 1])).toBe(Number.POSITIVE_INFINITY);
  expect(errorOverRms([0, 0], [0, 0])).toBe(0);
  expect(errorOverRms([1e-30, 0], [0, 0])).toBe(Number.POSITIVE_INFINITY);
});
