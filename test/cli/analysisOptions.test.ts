import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { addAnalysis } from '../../src/cli/analysisOptions.ts';
import { writeMeasurements } from '../../src/cli/measurementFiles.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'streamscope-options-'));
  await writeMeasurements(run, syntheticMeasurements({ block: '1.1', channels: 8, photographs: 20 }));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(run, { recursive: true });
});

/** Runs a command line; returns what it printed on stdout. */
async function call(...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)));
  vi.spyOn(console, 'error').mockImplementation(() => {});
  const program = new Command().exitOverride();
  addAnalysis(program);
  await program.parseAsync(args, { from: 'user' });
  return lines;
}

test('analyze says a line per block, and reads its options', async () => {
  const lines = await call('analyze', '--run', run, '--rules', 'code', '--tolerance', '3', '--clamp', '4.25');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^1\.1 {2}\d of 8 scale invariant/);
  const { reading } = JSON.parse(await readFile(join(run, 'report.json'), 'utf8'));
  expect(reading).toEqual({ rules: 'code', clamp: 4.25, tolerance: 3, criteria: 'both' });
});

test('report prints where the page is; --json one document with all files', async () => {
  expect(await call('report', '--run', run, '--grids', 'none')).toEqual([join(run, 'report.html')]);
  const [line] = await call('report', '--run', run, '--json');
  expect(JSON.parse(line)).toMatchObject({
    page: join(run, 'report.html'),
    files: expect.arrayContaining(['report.html']),
  });
});

test.each([
  ['--tolerance', '1', 'expected a number above 1'],
  ['--tolerance', '', 'expected a number above 1'],
  ['--clamp', '5.1', 'expected a multiple of 0.25'],
])('%s %s is refused', async (option, value, message) => {
  await expect(call('analyze', '--run', run, option, value)).rejects.toThrow(message);
});
