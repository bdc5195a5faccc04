// The real network against PyTorch: the command `verify` over a folder of goldens, and finished images against the
// activations that the reference optimiser reached. STREAMSCOPE_REFERENCE names a folder with
//   data/resnet18-imagenet1k-v1-to-layer3.safetensors, reference/goldens/, reference/fz-quality.json

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const reference = process.env.STREAMSCOPE_REFERENCE;
if (!reference)
  throw new Error('STREAMSCOPE_REFERENCE is not set: it must name the folder of reference data.');

const root = resolve(import.meta.dirname, '../..');
const weights = resolve(reference, 'data/resnet18-imagenet1k-v1-to-layer3.safetensors');
const goldens = resolve(reference, 'reference/goldens');
const run = mkdtempSync(join(tmpdir(), 'streamscope-parity-'));

/** Runs a command and returns what it printed; a command that fails rejects. */
async function streamscope(...args: string[]): Promise<string> {
  const options = { maxBuffer: 2 ** 26 };
  return (await promisify(execFile)(process.execPath, [join(root, 'dist/streamscope.js'), ...args], options))
    .stdout;
}

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
});
afterAll(() => rmSync(run, { recursive: true, force: true }));

interface Report {
  rows: { group: string; name: string; error: number | null; bound: number; passed: boolean }[];
  unserved: string[];
}

describe('verify', () => {
  test('every image, transform, tap, gradient and trajectory is within its bound', async () => {
    const { rows, unserved }: Report = JSON.parse(
      await streamscope('verify', '--weights', weights, '--goldens', goldens, '--json'),
    );
    const count = (group: string) => rows.filter((row) => row.group === group).length;
    expect(rows.filter(({ passed }) => !passed)).toEqual([]);
    // and they are all there
    expect(count('image')).toBe(10);
    expect(count('transform')).toBe(36);
    expect(count('tap')).toBe(43);
    expect(count('gradient')).toBe(16);
    expect(count('trajectory')).toBe(4);
    expect(unserved).toEqual(['4.0.B', '4.0.O', '4.1.I', '4.1.B', '4.1.O']);
  }, 300_000);

  test('fails, and says so, when the network is another', async () => {
    const other = join(run, 'other.safetensors');
    writeFileSync(other, writeSafetensors(syntheticModel({ width: 64 }).weights));
    const failure = await streamscope('verify', '--weights', other, '--json').catch((error) => error);
    expect(failure.code).toBe(70);
    expect(failure.stderr).toMatch(/differ from PyTorch/);
  }, 300_000);
});

describe('visualize', () => {
  test('three units of 512 steps reach at least 0.9 of what the reference optimiser reached', async () => {
    const units = {
      '1.0.O:19': 'layer1.0.prerelu:19',
      '1.1.B:19': 'layer1.1.bn2:19',
      '1.1.O:19': 'layer1.1.prerelu:19',
    };
    const quality = JSON.parse(readFileSync(resolve(reference, 'reference/fz-quality.json'), 'utf8')).fz;
    const args = [
      '--units',
      Object.keys(units).join(),
      '--steps',
      '512',
      '--out',
      run,
      '--progress',
      'none',
      '--json',
    ];
    const lines = (await streamscope('visualize', '--weights', weights, ...args)).trim().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const { unit, activation } = JSON.parse(line) as { unit: keyof typeof units; activation: number };
      const published = quality[units[unit]].act_png['512'];
      console.log(
        `${unit}: ${activation.toFixed(3)}, reference ${published.toFixed(3)}, ratio ${(activation / published).toFixed(3)}`,
      );
      expect(activation / published, unit).toBeGreaterThanOrEqual(0.9);
    }
  }, 900_000);
});
