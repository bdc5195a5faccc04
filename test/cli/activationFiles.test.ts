// Activation files that grow, are interrupted, go on, and end as the .npy that NumPy would write.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ActivationWriter, removeActivations } from '../../src/cli/activationFiles.ts';
import { parseNpy, writeNpy } from '../../src/model/npy.ts';
import { tensorValues } from '../support/pictures.ts';

const folder = mkdtempSync(join(tmpdir(), 'streamscope-activations-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const values = tensorValues(7 * 300);
const rows = (start: number, end: number) => values.slice(start * 7, end * 7);

test('rows in any portions are the .npy of all', async () => {
  const path = join(folder, 'below', 'a.npy');
  const writer = await ActivationWriter.open(path, 7);
  await writer.append(rows(0, 1));
  await writer.append(rows(1, 300));
  const { sha256, extremes } = await writer.finish();
  const bytes = readFileSync(path);
  expect(bytes.equals(writeNpy([300, 7], values))).toBe(true);
  expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(existsSync(`${path}.part`)).toBe(false);
  const strongest = rows(0, 300).reduce((best, v, i) => (i % 7 === 0 && v > values[best] ? i : best), 0);
  expect(extremes.top[0][0]).toBe(strongest / 7);
});

test('a torn row is forgotten, whole rows stay', async () => {
  const path = join(folder, 'b.npy');
  const first = await ActivationWriter.open(path, 7);
  await first.append(rows(0, 20));
  await first.close();
  appendFileSync(`${path}.part`, new Uint8Array(10));
  const second = await ActivationWriter.open(path, 7);
  expect(second.rows).toBe(20);
  await second.keep(15);
  await second.append(rows(15, 31));
  await second.finish();
  expect(parseNpy(readFileSync(path))).toEqual({ shape: [31, 7], data: rows(0, 31) });
});

test('a finished file is taken up again, and removed', async () => {
  const path = join(folder, 'b.npy');
  const writer = await ActivationWriter.open(path, 7);
  expect(writer.rows).toBe(31);
  await writer.close();
  await removeActivations(path);
  expect(existsSync(`${path}.part`)).toBe(false);
});
