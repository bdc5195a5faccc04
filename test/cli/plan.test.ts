// streamscope plan on the command line: the same request prints the same bytes, and needs no GPU.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { runCommand } from '../support/commandLine.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const weightsFile = join(folder, 'small.safetensors');
const partFile = join(folder, 'part.safetensors');

const plan = (...args: string[]) =>
  runCommand(root, ['plan', '--weights', weightsFile, ...args], {
    cwd: folder,
    env: { STREAMSCOPE_ADAPTER: 'none of that name' },
  });

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const { weights } = syntheticModel({ width: 8 });
  writeFileSync(weightsFile, writeSafetensors(weights));
  const part = new Map([...weights].filter(([name]) => !name.startsWith('layer2')));
  writeFileSync(partFile, writeSafetensors(part));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('prints the images and the settings, and the same again', async () => {
  const { code, stdout, stderr } = await plan('--blocks', '1.1', '--seeds', '2', '--display', '1.1:3');
  expect(code, stderr).toBe(0);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({ blocks: ['1.1'], seeds: 2, settings: { steps: 2560, jitter: 'study' } });
  expect(document.images).toHaveLength(2 * 2 * 8 + 4);
  expect(document.images[0]).toBe('1.0.O:0/center/0');
  expect((await plan('--blocks', '1.1', '--seeds', '2', '--display', '1.1:3')).stdout).toBe(stdout);
});

test('takes all blocks but the first, three images per unit', async () => {
  const { blocks, images } = JSON.parse((await plan()).stdout);
  expect(blocks).toEqual(['1.1', '2.0', '2.1', '3.0', '3.1', '4.0', '4.1']);
  // I and B of widths 8 to 64, no place shared: I of a simple block is O of the one before, which is not planned
  expect(images).toHaveLength(3 * 2 * (8 + 2 * 16 + 2 * 32 + 2 * 64));
});

test.each<[string, string[], number, RegExp]>([
  ['unknown block', ['--blocks', '1.7'], 64, /no block called "1\.7"[\s\S]*1\.0, 1\.1/],
  [
    'channel of no block',
    ['--blocks', '1.1', '--display', '2.0:1'],
    64,
    /--display: "2\.0:1"[\s\S]*1\.1:0-7/,
  ],
  ['no images', ['--seeds', '0'], 64, /--seeds is "0"/],
  ['unknown mode', ['--jitter-mode', 'middle'], 64, /faithful, centered/],
  ['weights that end before', ['--weights', partFile, '--blocks', '2.0'], 65, /cannot serve 2\.0\.I/],
])('%s', async (_, args, code, message) => {
  const result = await plan(...args);
  expect(result.stderr).toMatch(message);
  expect(result.code).toBe(code);
});
