import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeMeasurements } from '../../src/cli/measurementFiles.ts';
import { writeReport } from '../../src/cli/report.ts';
import { encodePng } from '../../src/visualization/png.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

let run: string;
let files: string[];
const block = syntheticMeasurements({ block: '1.1', channels: 64, seeds: 2, photographs: 30 });

/** Puts a picture of one colour where visualize would. */
async function picture(module: string, channel: number, name: string, value: number): Promise<void> {
  const folder = join(run, 'resnet18', module, `unit${channel}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), encodePng(new Uint8Array(3 * 224 * 224).fill(value), 224, 224));
}

beforeAll(async () => {
  run = await mkdtemp(join(tmpdir(), 'streamscope-report-'));
  await writeMeasurements(run, block, { settings: { network: 'resnet18' } });
  // channel 19 is named by the study; I of 1.1 lies in the folder of 1.0
  await picture('layer1.0', 19, '0_distill_center.png', 40);
  await picture('layer1.1.bn2', 19, '0_distill_center.png', 80);
  await picture('layer1.1', 19, '0_distill_channel.png', 120);
  ({ files } = await writeReport({ run }));
}, 60_000);
afterAll(() => rm(run, { recursive: true }));

test('everything it names is there', async () => {
  expect(files).toEqual(
    expect.arrayContaining(['report.html', 'report.json', 'channels.csv', 'grids/1.1/19.png']),
  );
  for (const file of files) expect((await readFile(join(run, file))).length, file).toBeGreaterThan(100);
  const page = await readFile(join(run, 'report.html'), 'utf8');
  const links = [...page.matchAll(/href="(?!#)([^"]+)"/g)].map(([, link]) => link);
  expect(links.length).toBeGreaterThan(20);
  expect(links.filter((link) => !files.includes(link))).toEqual([]);
});

test('figures are also PNG files with something drawn, and JSON with its schema', async () => {
  const { data, width, height } = PNG.sync.read(await readFile(join(run, 'figures', 'fig2-spectrum.png')));
  expect(width).toBeGreaterThan(400);
  const inked = [...Array(width * height).keys()].filter((i) => data[4 * i] < 128).length;
  expect(inked / (width * height)).toBeGreaterThan(0.02);
  const spec = JSON.parse(await readFile(join(run, 'figures', 'fig2-spectrum.json'), 'utf8'));
  expect(spec.$schema).toContain('vega-lite/v6');
});

test('the grid has the pictures in the columns of their taps, the missing ones hatched', async () => {
  const { data, width, height } = PNG.sync.read(await readFile(join(run, 'grids', '1.1', '19.png')));
  expect([width, height]).toEqual([8 + 3 * 232, 8 + 2 * 232]);
  const at = (row: number, column: number) =>
    data[4 * ((8 + row * 232 + 100) * width + 8 + column * 232 + 101)];
  expect([at(0, 0), at(0, 1)]).toEqual([40, 80]);
  expect(at(0, 2)).toBeGreaterThan(200);
  expect([at(1, 0) > 200, at(1, 1) > 200, at(1, 2)]).toEqual([true, true, 120]);
});

test('a torn picture is refused by name', async () => {
  const path = join(run, 'resnet18', 'layer1.1.bn2', 'unit19', '0_distill_center.png');
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, 60));
  await expect(writeReport({ run })).rejects.toThrow(/unit19\/0_distill_center.png is not a picture/);
  await expect(writeReport({ run, grids: 'none' })).resolves.toBeDefined();
  await writeFile(path, bytes);
});
