// `shapes` writes what the trainer draws, pixel by pixel; `weights pack` halves a file and says what that costs.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { filesBelow } from '../../src/cli/files.ts';
import { decodeImage } from '../../src/cli/images.ts';
import { writeShapes } from '../../src/cli/shapes.ts';
import { packWeights } from '../../src/cli/weights.ts';
import { parseSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { CLASSES, shapeImage } from '../../src/training/shapes.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamscope-shapes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { signal } = new AbortController();
const settings = { count: 12, size: 20, seed: 3, split: 'held-out' } as const;

test('files hold the images of the split, in folders of their classes', async () => {
  const out = join(folder, 'shapes');
  await writeShapes({ ...settings, out }, signal);
  const files = await filesBelow(out);
  expect(files).toHaveLength(12);
  for (const file of files) {
    const [, label, name, index] = /^(\d)-(\w+)\/(\d+)\.png$/.exec(file)!;
    const drawn = shapeImage(3, 'held-out', Number(index), 20);
    expect([Number(label), name]).toEqual([drawn.label, CLASSES[drawn.label]]);
    const { pixels } = await decodeImage(join(out, file));
    expect(Buffer.compare(Buffer.from(pixels.data), Buffer.from(drawn.data)), file).toBe(0);
  }
});

test('what an interrupted command left is completed, and a stranger is named', async () => {
  const out = join(folder, 'again');
  await writeShapes({ ...settings, out }, signal);
  const before = await filesBelow(out);
  rmSync(join(out, before[5]));
  await writeShapes({ ...settings, out }, signal);
  expect(await filesBelow(out)).toEqual(before);
  writeFileSync(join(out, '0-disc', 'holiday.png'), '');
  await expect(writeShapes({ ...settings, out }, signal)).rejects.toThrow('0-disc/holiday.png for one');
});

test('packed weights are as near as float16 is', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const error = vi.spyOn(console, 'error').mockImplementation(() => {});
  const [from, out] = [join(folder, 'w.safetensors'), join(folder, 'half.safetensors')];
  const data = Float32Array.of(1, -0.3333333, 1024.4, 0);
  writeFileSync(from, writeSafetensors(new Map([['a', { shape: [2, 2], data }]])));
  await packWeights(from, { out });
  const { shape, data: packed } = parseSafetensors(readFileSync(out)).get('a')!;
  expect(shape).toEqual([2, 2]);
  expect([...packed]).toEqual([1, -0.333251953125, 1024, 0]);
  expect(error.mock.calls.flat().join()).toContain('7.8e-4 of its rms (a)'); // 0.4 of 512.2
  expect(log).toHaveBeenCalledWith(out);
  writeFileSync(from, writeSafetensors(new Map([['a', { shape: [1], data: Float32Array.of(1e6) }]])));
  await expect(packWeights(from, { out })).rejects.toThrow('F16 ends at 65504');
  vi.restoreAllMocks();
});
