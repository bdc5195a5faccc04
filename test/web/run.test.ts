// What the page reads of a run folder is what `analyze` wrote; anything else is refused by name.

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { analyze } from '../../src/cli/analyze.ts';
import { writeMeasurements } from '../../src/cli/measurementFiles.ts';
import { Run } from '../../src/web/run.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

let folder: string;
const block = syntheticMeasurements({ channels: 12, seeds: 2, photographs: 30, dead: [4] });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamscope-run-'));
  await writeMeasurements(folder, block, { settings: { network: 'resnet18' } });
  await analyze({ run: folder });
  const place = join(folder, 'resnet18/layer2.1.bn2');
  await mkdir(place, { recursive: true });
  await mkdir(join(folder, 'resnet18/crops'));
  await writeFile(join(place, 'topImages.json'), JSON.stringify({ top: [[], [7, 8, 9]], bottom: [] }));
  for (const image of [7, 9]) await writeFile(join(folder, `resnet18/crops/${image}.png`), String(image));
});
afterAll(() => rm(folder, { recursive: true }));

const files = (changed: Record<string, string> = {}) => ({
  name: 'run',
  read: async (path: string) =>
    path in changed
      ? new TextEncoder().encode(changed[path])
      : readFile(join(folder, path)).then(
          (bytes) => new Uint8Array(bytes),
          () => undefined,
        ),
});

test('blocks, ratios and the nine responses of a channel', async () => {
  const run = (await Run.open(files()))!;
  const found = run.block('2.1')!;
  const metrics = blockMetrics(block);
  expect(found.seeds[0].mix.map(({ value }) => value)).toEqual(
    metrics.seeds[0].mix.map(({ value }) => value),
  );
  expect(found.seeds[0].histogram).toEqual(metrics.seeds[0].histogram);
  const nine = await run.responses(found, 3);
  const { responses } = block.seeds[0];
  expect(nine.O.I).toBe(responses.O.I![3]);
  expect(nine.B.B).toBe(responses.B.B![3]);
  expect(nine.I.O).toBe(responses.I.O![3]);
});

test('photographs are those that were kept, the strongest first', async () => {
  const run = (await Run.open(files()))!;
  const crops = await run.photographs('2.1', 'B', 1);
  expect(crops.map((crop) => new TextDecoder().decode(crop))).toEqual(['7', '9']);
  expect(await run.photographs('2.1', 'B', 0)).toEqual([]);
  expect(await run.photographs('2.1', 'O', 1)).toEqual([]);
});

test('no report is no run; a damaged one is named', async () => {
  expect(await Run.open({ name: 'x', read: async () => undefined })).toBeUndefined();
  await expect(Run.open(files({ 'report.json': '{' }))).rejects.toThrow(
    'report.json of run: it is not JSON.',
  );
  await expect(Run.open(files({ 'report.json': '{"format":"streamscope report 1"}' }))).rejects.toThrow(
    'blocks',
  );
});
