// Photographs collected by the command, against PyTorch's centre activations of one of them at every tap it has.
// STREAMSCOPE_REFERENCE names a folder with the weights and data/imagenet-originals, and reference/goldens.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { placeFiles } from '../../src/cli/collected.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { makeNetwork } from '../../src/model/network.ts';
import { parseNpy } from '../../src/model/npy.ts';
import { runCommand } from '../support/commandLine.ts';

const reference = process.env.STREAMSCOPE_REFERENCE;
if (!reference)
  throw new Error('STREAMSCOPE_REFERENCE is not set: it must name the folder of reference data.');

const root = resolve(import.meta.dirname, '../..');
const out = mkdtempSync(join(tmpdir(), 'streamscope-collect-'));
const network = makeNetwork('resnet18');
/** places and the goldens' names of them: what a block's module holds before its last ReLU is called prerelu */
const places = ['1.1', '2.0', '2.1', '3.0', '3.1'].flatMap((block) => [
  ...(block.endsWith('0') ? [[`${block}.I`, `layer${block}.downsample.1`]] : []),
  [`${block}.B`, `layer${block}.bn2`],
  [`${block}.O`, `layer${block}.prerelu`],
]);
let images: string[] = [];

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const weights = resolve(reference, 'data/resnet18-imagenet1k-v1-to-layer3.safetensors');
  const photographs = resolve(reference, 'data/imagenet-originals');
  const args = ['collect', '--weights', weights, '--images', photographs, '--out', out];
  const { code, stderr } = await runCommand(root, [...args, '--blocks', '1.1,2.0,2.1,3.0,3.1'], {
    cwd: root,
  });
  expect(code, stderr).toBe(0);
  const record = JSON.parse(readFileSync(join(out, 'resnet18', 'collected.json'), 'utf8'));
  images = record.images.map(({ name }: { name: string }) => name);
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

test.each(places)('%s', (place, module) => {
  const golden = parseNpy(readFileSync(resolve(reference, `reference/goldens/c_act_photo0_${module}.npy`)));
  const { shape, data } = parseNpy(readFileSync(join(out, placeFiles(network, place).activations)));
  const [count, channels] = shape;
  expect(count).toBe(images.length);
  const tench = images.indexOf('n01440764_tench.JPEG');
  expect(tench).toBeGreaterThanOrEqual(0);
  const row = Array.from(data.slice(tench * channels, (tench + 1) * channels));
  const centre = Array.from(golden.data.slice(0, channels));
  // the bound of verify's taps
  expect(errorOverRms(row, centre)).toBeLessThan(1e-4);
});
