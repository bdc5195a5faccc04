// The journal of a collection: whole lines survive, torn ones do not, other settings are refused with the difference.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { collectedFile, Journal, placeFiles, readCollected } from '../../src/cli/collected.ts';
import { makeNetwork } from '../../src/model/network.ts';

const run = mkdtempSync(join(tmpdir(), 'streamscope-collected-'));
afterAll(() => rmSync(run, { recursive: true, force: true }));

const network = makeNetwork('resnet18', 8);
const image = (name: string) => ({ image: { name, sha256: 'ab' } });
const skipped = (name: string) => ({ skipped: { name, reason: 'why' } });

test('a journal goes on where its last whole line ends', async () => {
  const first = await Journal.open(run, network, { size: 224 });
  await first.append([image('ä'), skipped('x'), image('b'), skipped('y'), image('c')]);
  const whole = readFileSync(first.path);
  appendFileSync(first.path, '{"image":{"na');
  const second = await Journal.open(run, network, { size: 224 });
  expect(second.images.map(({ name }) => name)).toEqual(['ä', 'b', 'c']);
  expect(second.skipped.map(({ name }) => name)).toEqual(['x', 'y']);
  await second.keep(3);
  expect(readFileSync(second.path)).toEqual(whole);
  await second.keep(2);
  expect(second.lines).toHaveLength(3);
  await second.append([skipped('y'), image('c')]);
  expect(readFileSync(second.path)).toEqual(whole);
  await second.keep(0);
  expect(second.lines).toEqual([]);
  expect(readFileSync(second.path, 'utf8')).toBe('{"size":224}\n');
});

test('other settings are refused, with the difference', async () => {
  await expect(Journal.open(run, network, { size: 96 })).rejects.toThrow(/size was 224, is now 96/);
});

test('a damaged record is named', async () => {
  expect(await readCollected(run, network)).toBeUndefined();
  writeFileSync(collectedFile(run, network), '{');
  await expect(readCollected(run, network)).rejects.toThrow(/collected\.json is damaged/);
});

test('files are named after torchvision’s modules', () => {
  expect(placeFiles(network, '2.0.I').activations).toBe(
    join('resnet18', 'layer2.0.downsample.1', 'activations.npy'),
  );
  expect(() => placeFiles(network, '9.9.X')).toThrow(/no place/);
});
