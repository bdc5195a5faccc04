import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { analyze } from '../../src/cli/analyze.ts';
import { writeMeasurements } from '../../src/cli/measurementFiles.ts';
import { parseNpy } from '../../src/model/npy.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'streamscope-analyze-'));
});
afterEach(() => rm(run, { recursive: true }));

const block = syntheticMeasurements({ channels: 12, seeds: 2, photographs: 30, dead: [4] });
const provenance = { command: 'streamscope test', settings: { network: 'resnet18', steps: 8 } };
const text = async (name: string) => readFile(join(run, name), 'utf8');

test('report.json, channels.csv and .npy carry the same numbers', async () => {
  await writeMeasurements(run, block, provenance);
  const { files } = await analyze({ run });
  const metrics = blockMetrics(block);
  const report = JSON.parse(await text('report.json'));
  expect(report).toMatchObject({ format: 'streamscope report 1', provenance: { '2.1': provenance } });
  expect(report.blocks).toEqual(JSON.parse(JSON.stringify([metrics])));

  const csv = (await text('channels.csv')).trimEnd().split('\n');
  expect(csv).toHaveLength(13);
  const column = csv[0].split(',').indexOf('mix_ratio');
  const array = parseNpy(await readFile(join(run, 'analysis', '2.1', 'mixRatio.npy')));
  expect(array.shape).toEqual([2, 12]);
  for (const [c, { value }] of metrics.seeds[0].mix.entries()) {
    expect(csv[c + 1].split(',')[column]).toBe(value === null ? '' : String(value));
    expect(array.data[c]).toBe(value ?? Number.NaN);
  }
  const passes = parseNpy(await readFile(join(run, 'analysis', '2.1', 'passesScale.npy')));
  expect([...passes.data.slice(0, 12).keys()].filter((c) => passes.data[c])).toEqual(
    [...metrics.seeds[0].invariance.scale!.passing].sort((a, b) => a - b),
  );
  for (const file of files) expect((await readFile(join(run, file))).length).toBeGreaterThan(0);
});

test('the same measurements give the same bytes', async () => {
  await writeMeasurements(run, block, provenance);
  const { files } = await analyze({ run });
  const bytes = () => Promise.all(files.map((file) => readFile(join(run, file), 'base64')));
  const first = await bytes();
  await analyze({ run });
  expect(await bytes()).toEqual(first);
});

test("options reach the metrics: the code's rules, a wide tolerance", async () => {
  await writeMeasurements(run, block, provenance);
  const { report } = await analyze({ run, rules: 'code', tolerance: 100 });
  expect(report.reading).toEqual({ rules: 'code', clamp: 5, tolerance: 100, criteria: 'both' });
  expect(report.blocks[0]).toEqual(blockMetrics(block, report.reading));
});

test('ablations of the run, and another run beside it', async () => {
  await writeMeasurements(run, block, provenance);
  const accuracy = {
    block: '2.1',
    replacement: 'mean',
    channels: [1],
    scales: [1, 1.2],
    ablated: [0.5, 0.3],
  };
  const record = { ablation: { ...accuracy, trials: [{ channels: [2], accuracy: [0.5, 0.6] }] } };
  await mkdir(join(run, 'ablation'));
  await writeFile(join(run, 'ablation', '2.1.O-mean.json'), JSON.stringify(record));
  const { report } = await analyze({ run, against: run });
  expect(report.ablation![0].ratios.map(({ mean }) => mean)).toEqual([1, 0.5]);
  expect(report.against).toMatchObject({ run: basename(run), blocks: [{ block: '2.1', onlyHere: [] }] });
});

test('a run without measurements is refused', async () => {
  await expect(analyze({ run })).rejects.toMatchObject({ code: 65 });
});
