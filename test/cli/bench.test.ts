// streamscope bench hands everything over: arguments and exit code as they are.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bench, benchArguments } from '../../src/cli/bench.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'streamscope-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the script gets the arguments, and its exit code comes back', async () => {
  const script = join(folder, 'run.mjs');
  const expected = JSON.stringify(['step', '--weights', 'a file']);
  writeFileSync(
    script,
    `process.exit(JSON.stringify(process.argv.slice(2)) === ${JSON.stringify(expected)} ? 70 : 1);`,
  );
  expect(await bench(['step', '--weights', 'a file'], undefined, script)).toBe(70);
  expect(await bench(['other'], undefined, script)).toBe(1);
});

test('without the repository it says where the benchmarks are', async () => {
  await expect(bench([], undefined, join(folder, 'none.mjs'))).rejects.toMatchObject({
    code: 69,
    message: expect.stringContaining('none.mjs'),
    hint: expect.stringContaining('repository'),
  });
});

test('an abort ends the script', async () => {
  const script = join(folder, 'forever.mjs');
  writeFileSync(script, 'setInterval(() => {}, 1000);');
  await expect(bench([], AbortSignal.timeout(500), script)).rejects.toMatchObject({ name: 'AbortError' });
});

test('where it runs may be said before the command', () => {
  expect(benchArguments(['bench', 'step', '--taps', 'x'])).toEqual(['step', '--taps', 'x']);
  expect(benchArguments(['--host', 'chrome', '--chrome=/c', 'bench', 'step'])).toEqual([
    ...['--host', 'chrome', '--chrome=/c', 'step'],
  ]);
  expect(benchArguments(['--host', 'bench'])).toBeUndefined();
  expect(benchArguments(['visualize', '--out', 'bench'])).toBeUndefined();
  expect(benchArguments([])).toBeUndefined();
});
