// streamscope tune and what doctor says of it, as processes: measures one small product, stores, refuses to overwrite
// what is no tuning, and has nothing to do for kernels without tiles.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { version } from '../../package.json';
import { entriesOf } from '../../src/engine/tuningFile.ts';
import { runCommand } from '../support/commandLine.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-tune-'));
const file = join(folder, 'own', 'tuning.json');
const run = (args: string[], env: Record<string, string> = {}) =>
  runCommand(root, args, {
    cwd: folder,
    env: { STREAMSCOPE_KERNELS: 'gemm', STREAMSCOPE_TUNING: file, ...env },
  });
const tuningOf = async (env?: Record<string, string>) => {
  const { stdout, stderr } = await run(['doctor', '--json'], env);
  return { ...JSON.parse(stdout), stderr };
};

beforeAll(() => execFileSync(process.execPath, ['build.mjs'], { cwd: root }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('measures, prints and stores; doctor then says so', async () => {
  expect((await tuningOf()).tuning).toMatch(/^guess for /);
  const { code, stdout, stderr } = await run(['tune', '--only', 'window']);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^product +loop +128x64 tall +64x64 tall +64x64 +32x64 +32x32 +16x64$/m);
  expect(stdout).toMatch(/^window of 3x3 x1 +(un)?rolled .*\d\*/m);
  expect(stdout).toMatch(/^window of 3x3 x8 /m);
  expect(stdout).not.toContain('other bytes');
  expect(stdout).toContain(`Stored in ${file}.`);
  expect(readdirSync(join(folder, 'own'))).toEqual(['tuning.json']); // nothing half-written
  const { tuning, adapter, selfTest } = await tuningOf();
  expect(tuning).toMatch(`tuned, by ${file}: `);
  expect(selfTest.passed).toBe(true);
  const [entry] = entriesOf(readFileSync(file, 'utf8'));
  expect(entry).toMatchObject({ streamscope: version, adapter: { description: adapter.description } });
  expect((await tuningOf({ STREAMSCOPE_TUNING: 'none' })).tuning).toMatch(/^guess for /);
});

test('a file by hand is used for any adapter', async () => {
  const byHand = join(folder, 'hand.json');
  const tiles = { large: '64x64', small: '16x64', few: '32x32', wanted: 5, unroll: false };
  writeFileSync(byHand, JSON.stringify({ tunings: [{ tiles }] }));
  const { tuning, selfTest } = await tuningOf({ STREAMSCOPE_TUNING: byHand });
  expect(tuning).toBe(
    `tuned, by ${byHand}: 64x64 from 5 workgroups, else 16x64; 32x32 for few outputs; rolled`,
  );
  expect(selfTest.passed).toBe(true);
});

test('a named file with something else in it is not overwritten', async () => {
  const precious = join(folder, 'thesis.json');
  writeFileSync(precious, '{"thesis":1}');
  const { code, stderr } = await run(['tune', '--only', 'window'], { STREAMSCOPE_TUNING: precious });
  expect([code, stderr]).toEqual([65, expect.stringContaining(`${precious} is no file of tunings`)]);
  expect(readFileSync(precious, 'utf8')).toBe('{"thesis":1}');
});

test('kernels without tiles and unknown products are refused', async () => {
  const nowhere = { STREAMSCOPE_TUNING: join(folder, 'nowhere', 'tuning.json') };
  const plain = await run(['tune'], { ...nowhere, STREAMSCOPE_KERNELS: 'plain' });
  expect([plain.code, plain.stderr]).toEqual([64, expect.stringContaining('The plain kernels run on')]);
  const unknown = await run(['tune', '--only', '9x9'], nowhere);
  expect([unknown.code, unknown.stderr]).toEqual([64, expect.stringMatching(/No product is called "9x9"/)]);
  expect(existsSync(join(folder, 'nowhere'))).toBe(false);
});
