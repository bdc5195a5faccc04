// Wrong arguments of the benchmarks end with the exit code for usage and a sentence, before any device is asked for.

import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

const run = (...args: string[]) =>
  spawnSync(process.execPath, [resolve(import.meta.dirname, '../../bench/run.mjs'), ...args], {
    encoding: 'utf8',
  });

test.each([
  [['network', '--against', 'torch'], '--against is "torch", expected some of pytorch, tfjs, jax-js.'],
  [['step', '--weights', 'x', '--against', 'tfjs'], '--against is "tfjs", expected pytorch.'],
  [['network', '--batch', '1,0'], '--batch is "1,0", expected whole numbers above 0'],
  [['network', '--only', 'nothing'], 'No network case has "nothing" in its name.'],
  [['kernels', '--seconds', '-1'], '--seconds is "-1", expected a number above 0.'],
  [['campaign', '--weights', 'x', '--steps', '2'], '--steps is "2", expected a whole number from 3 on.'],
  [['scaling'], "required option '--weights <file>' not specified"],
  [['stepp'], "unknown command 'stepp'"],
])('%j', (args, message) => {
  const { status, stderr, stdout } = run(...args);
  expect(stderr).toContain(message);
  expect(status).toBe(64);
  expect(stdout).toBe('');
});

test('a weights file that is not there is unavailable', () => {
  const { status, stderr } = run('scaling', '--weights', 'none.safetensors');
  expect(stderr).toContain('none.safetensors');
  expect(status).toBe(69);
});
