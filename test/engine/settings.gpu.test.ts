// Settings of the environment: taken as they are, or refused by name.

import { availableParallelism } from 'node:os';
import { afterEach, expect, test, vi } from 'vitest';
import {
  coreDevices,
  float16Asked,
  memoryBudget,
  patience,
  winogradAsked,
} from '../../src/engine/gpu.node.ts';

afterEach(() => vi.unstubAllEnvs());

const settings = [
  ['STREAMSCOPE_MEMORY', memoryBudget, Number.POSITIVE_INFINITY, '2', 2 ** 21],
  ['STREAMSCOPE_GPU_TIMEOUT', patience, 600, '0.5', 0.5],
  ['STREAMSCOPE_WINOGRAD', winogradAsked, false, '1', true],
  ['STREAMSCOPE_CORES', () => coreDevices('llvmpipe (LLVM)'), Math.min(16, availableParallelism()), '3', 3],
  ['STREAMSCOPE_FLOAT16', float16Asked, false, '1', true],
] as const;

test.each(settings)('%s', (name, read, otherwise, text, value) => {
  vi.stubEnv(name, '');
  expect(read()).toBe(otherwise);
  vi.stubEnv(name, text);
  expect(read()).toBe(value);
  vi.stubEnv(name, 'much');
  expect(read).toThrow(`${name} is "much", expected`);
});

test('other adapters work alone, and so does this one where its threads are set by hand', () => {
  expect(coreDevices('NVIDIA H200')).toBe(1);
  vi.stubEnv('LP_NUM_THREADS', '2');
  expect(coreDevices('llvmpipe (LLVM)')).toBe(1);
});
