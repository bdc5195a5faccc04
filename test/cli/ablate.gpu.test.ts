// streamscope ablate as a person meets it: a synthetic whole network, photographs labelled by what it says of them.

import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EditedClassifier } from '../../src/analysis/accuracy.ts';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { prepare } from '../../src/model/preprocess.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { encodePng } from '../../src/visualization/png.ts';
import { runCommand } from '../support/commandLine.ts';
import { picture } from '../support/pictures.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-ablate-'));
const at = (...parts: string[]) => join(folder, ...parts);
const { network, weights } = syntheticModel({ width: 4 });
const pictures = Array.from({ length: 8 }, (_, n) => {
  const { data, ...shape } = picture(90, 120 + n);
  return { ...shape, data: data.map((v, i) => (v * (n + 2) + (i >> n) * n) % 256) };
});

const ablate = (...args: string[]) =>
  runCommand(
    root,
    ['ablate', '--weights', at('w.safetensors'), '--progress', 'none', '--trials', '2', ...args],
    {
      cwd: folder,
    },
  );
const usual = [
  '--images',
  at('photos'),
  '--block',
  '2.1',
  '--channels',
  '1,4,6',
  '--scales',
  '1,1.5',
  '--margin',
  '100',
];

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  writeFileSync(at('w.safetensors'), writeSafetensors(weights));
  const gpu = await Gpu.acquire();
  const context = { gpu, network, parameters: new Parameters(gpu, weights) };
  const classifier = await EditedClassifier.create(context, '2.1.O', 8);
  const [logits] = await classifier.classify(
    pictures.map((photo) => prepare(photo).data),
    [new Map()],
  );
  gpu.close();
  pictures.forEach(({ height, width, data }, n) => {
    const row = logits.subarray(10 * n, 10 * n + 10);
    const label = at('photos', String(row.indexOf(Math.max(...row))));
    mkdirSync(label, { recursive: true });
    writeFileSync(join(label, `${n}.png`), encodePng(data, height, width));
    mkdirSync(at('unlabelled'), { recursive: true });
    writeFileSync(at('unlabelled', `${n}.png`), encodePng(data, height, width));
  });
  writeFileSync(join(at('photos'), readdirSync(at('photos'))[0], 'broken.jpg'), 'no image');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('writes accuracies and controls, and the same again without measuring', async () => {
  const first = await ablate(...usual, '--out', at('run'));
  expect(first.code, first.stderr).toBe(0);
  expect(first.stdout).toMatch(/2\.1\.O: 3 channels replaced by their mean\n2 random controls accepted/);
  expect(first.stdout).toMatch(/scale 1 {2}intact 100\.00 %/);
  expect(first.stderr).toMatch(/left out .*broken\.jpg/);
  const record = JSON.parse(readFileSync(at('run', 'ablation', '2.1.O-mean.json'), 'utf8'));
  expect(record.counts).toMatchObject({ images: 8, skipped: 1 });
  expect(record.ablation).toMatchObject({ block: '2.1', channels: [1, 4, 6], scales: [1, 1.5], images: 8 });
  expect(record.ablation.intact[0]).toBe(1);
  expect(record.ablation.trials).toHaveLength(2);
  expect(record.summary.ratios).toHaveLength(2);
  expect(readdirSync(at('run', 'ablation'))).toEqual(['2.1.O-mean.json']);

  const again = await ablate(...usual, '--out', at('run'));
  expect(again.stdout).toBe(first.stdout);
  expect(again.stderr).toMatch(/is already there/);
});

test('goes on after the passes that are done, to the same bytes', async () => {
  const record = JSON.parse(readFileSync(at('run', 'ablation', '2.1.O-mean.json'), 'utf8'));
  mkdirSync(at('continued', 'ablation'), { recursive: true });
  // an interruption after the means: other means than these photographs have show that they are taken up
  const means = record.ablation.constants.map((v: number) => v + 1);
  writeFileSync(
    at('continued', 'ablation', '2.1.O-mean.partial.json'),
    JSON.stringify({ settings: record.settings, passes: { means } }),
  );
  const { code, stderr } = await ablate(...usual, '--out', at('continued'));
  expect(code, stderr).toBe(0);
  const continued = JSON.parse(readFileSync(at('continued', 'ablation', '2.1.O-mean.json'), 'utf8'));
  expect(continued.ablation.constants).toEqual(means);
  expect(readdirSync(at('continued', 'ablation'))).toEqual(['2.1.O-mean.json']);

  const overwritten = await ablate(...usual, '--out', at('continued'), '--overwrite');
  expect(overwritten.code, overwritten.stderr).toBe(0);
  expect(readFileSync(at('continued', 'ablation', '2.1.O-mean.json'))).toEqual(
    readFileSync(at('run', 'ablation', '2.1.O-mean.json')),
  );
});

test('takes the channels that a run found', async () => {
  const seeds = [{ invariance: { scale: { passing: [2, 5] } } }];
  writeFileSync(at('run', 'report.json'), JSON.stringify({ blocks: [{ block: '3.0', seeds }] }));
  const args = [
    '--images',
    at('photos'),
    '--block',
    '3.0',
    '--tap',
    'B',
    '--replacement',
    'zero',
    '--scales',
    '1',
    '--margin',
    '100',
  ];
  const { code, stdout, stderr } = await ablate(
    ...args,
    '--from-run',
    at('run'),
    '--out',
    at('run'),
    '--json',
  );
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ tap: '3.0.B', channels: [2, 5], replacement: 'zero' });
});

describe('refused', () => {
  test('before it starts: weights without the whole network', async () => {
    const part = new Map([...weights].filter(([name]) => !name.startsWith('layer4.1')));
    writeFileSync(at('part.safetensors'), writeSafetensors(part));
    const args = ['ablate', '--weights', at('part.safetensors'), '--out', at('never'), ...usual];
    const { code, stderr } = await runCommand(root, args, { cwd: folder });
    expect([code, stderr]).toEqual([
      65,
      expect.stringMatching(/cannot serve logits: layer4\.1\.conv1\.weight.*missing/),
    ]);
    expect(existsSync(at('never'))).toBe(false);
  });

  test.each<[string, string[], number, RegExp]>([
    [
      'photographs without labels',
      ['--images', at('unlabelled'), '--block', '2.1', '--channels', '1'],
      65,
      /have no labels/,
    ],
    ['no channels', ['--images', at('photos'), '--block', '2.1'], 64, /which channels/],
    [
      'a channel that is not there',
      ['--images', at('photos'), '--block', '2.1', '--channels', '8'],
      64,
      /no channel 8/,
    ],
    [
      'a block that is not there',
      ['--images', at('photos'), '--block', '7.1', '--channels', '1'],
      64,
      /no tap called 7\.1\.O/,
    ],
    [
      'a scale of 2',
      ['--images', at('photos'), '--block', '2.1', '--channels', '1', '--scales', '1,2'],
      64,
      /below 2/,
    ],
    [
      'a negative margin',
      ['--images', at('photos'), '--block', '2.1', '--channels', '1', '--margin', '-1'],
      64,
      /--margin/,
    ],
  ])('%s', async (_, args, expected, message) => {
    const { code, stderr } = await ablate(...args, '--out', at('never'));
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
    expect(existsSync(at('never'))).toBe(false);
  });

  test('other settings in the same file, with the difference', async () => {
    const { code, stderr } = await ablate(...usual, '--out', at('run'), '--seed', '4');
    expect([code, stderr]).toEqual([64, expect.stringMatching(/other settings: seed was 0, is now 4/)]);
  });
});
