// Settings of the environment: taken as they are, or refused by name.

import { afterEach, expect, test, vi } from 'vitest';
import { float16Asked, memoryBudget, patience, winogradAsked } from '../../src/engine/gpu.node.ts';

afterEach(() => vi.unstubAllEnvs());

const settings = [
  ['STREAMSCOPE_MEMORY', memoryBudget, Number.POSITIVE_INFINITY, '2', 2 ** 21],
  ['STREAMSCOPE_GPU_TIMEOUT', patience, 600, '0.5', 0.5],
  ['STREAMSCOPE_WINOGRAD', winogradAsked, false, '1', true],
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
