// The whole study in small, as a process: from weights and photographs to the report, killed on the way and continued
// to the same bytes, and nothing done twice.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { encodePng } from '../../src/visualization/png.ts';
import { runCommand } from '../support/commandLine.ts';
import { filesBelow, hashesBelow } from '../support/folders.ts';
import { picture } from '../support/pictures.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const at = (...parts: string[]) => join(folder, ...parts);

/** Arguments of a run of block 1.1 with few steps. Later ones win. */
const reproducing = (out: string, ...args: string[]) => [
  ...['reproduce', '--weights', at('small.safetensors'), '--images', at('photographs'), '--out', at(out)],
  ...['--blocks', '1.1', '--steps', '4', '--seeds', '2', '--size', '96', '--batch', '4'],
  ...['--progress', 'none', ...args],
];
const run = (...args: string[]) => runCommand(root, args, { cwd: folder });
/** Runs of several processes, on a machine that may have other work. */
const PATIENCE = 400_000;
const images = (out: string) => filesBelow(at(out)).filter((path) => path.endsWith('_center.json'));

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  writeFileSync(at('small.safetensors'), writeSafetensors(syntheticModel({ width: 8 }).weights));
  writeFileSync(at('other.safetensors'), writeSafetensors(syntheticModel({ name: 'resnet34' }).weights));
  mkdirSync(at('photographs'));
  for (let i = 0; i < 12; i++) {
    const { height, width, data } = picture(240 + 8 * i, 300 - 6 * i);
    writeFileSync(
      at('photographs', `${i}.png`),
      encodePng(
        data.map((v) => (v * (i + 3)) % 256),
        height,
        width,
      ),
    );
  }
  const whole = await run(...reproducing('whole'));
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stdout).toBe(`${at('whole', 'report.html')}\n`);
}, PATIENCE);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The stages of a run that did something, or ran because they check themselves. */
const stagesDone = (stderr: string) => [...stderr.matchAll(/^([\w.-]+):$/gm)].map(([, name]) => name);

/** Runs and kills, without warning, as soon as `condition` holds. */
async function killWhen(out: string, condition: () => boolean): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'dist/streamscope.js'), ...reproducing(out)], {
    cwd: folder,
    stdio: 'ignore',
  });
  const ended = new Promise<string | null>((done) => {
    child.on('close', (_, signal) => done(signal));
  });
  while (!condition() && child.exitCode === null) await new Promise((later) => setTimeout(later, 2));
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
}

test('a run has images of I and B of every seed, measurements, numbers and a report', () => {
  expect(images('whole')).toHaveLength(2 * 2 * 8);
  const report = JSON.parse(readFileSync(at('whole', 'report.json'), 'utf8'));
  const [block] = report.blocks;
  expect(block).toMatchObject({ block: '1.1', channels: 8, natural: { images: 12 } });
  expect(block.seeds.map(({ seed }: { seed: number }) => seed)).toEqual([0, 1000]);
  // measured on the same saved pictures, by another path through the network, as when they were made
  const sidecar = JSON.parse(
    readFileSync(at('whole', 'resnet18', 'layer1.1.bn2', 'unit3', '1_distill_center.json'), 'utf8'),
  );
  const responses = readFileSync(at('whole', 'measurements', '1.1', 'seed1000.responses.B.B.npy'));
  const [value] = new Float64Array(
    responses.buffer.slice(responses.byteOffset + responses.length - 8 * (8 - 3)),
  );
  expect(value).toBeCloseTo(sidecar.activation, 4);
  expect(readFileSync(at('whole', 'report.html'), 'utf8')).toMatch(/--blocks 1\.1 --seeds 2 --steps 4/);
});

test('the same command again does nothing and changes nothing', async () => {
  const before = hashesBelow(at('whole'));
  const again = await run(...reproducing('whole'));
  expect(again.code).toBe(0);
  // photographs and images check their files one by one
  expect(stagesDone(again.stderr)).toEqual(['photographs', 'images']);
  expect(again.stderr).toMatch(/3 of 3 places are already collected/);
  expect(again.stderr).toMatch(/32 of 32 images are already done/);
  expect(again.stderr).not.toMatch(/ on .*llvmpipe/);
  expect(hashesBelow(at('whole'))).toEqual(before);
});

test(
  'killed in every stage, it ends in the same bytes',
  async () => {
    await killWhen('killed', () => existsSync(at('killed', 'resnet18', 'collect.partial.jsonl')));
    await killWhen('killed', () => images('killed').length >= 5);
    await killWhen('killed', () => images('killed').length >= 20);
    await killWhen('killed', () => existsSync(at('killed', 'stages', 'images.json')));
    await killWhen('killed', () => existsSync(at('killed', 'measurements', '1.1', 'weight.batchNorm.npy')));
    await killWhen('killed', () => existsSync(at('killed', 'report.json')));
    await killWhen('killed', () => existsSync(at('killed', 'figures')));
    expect(existsSync(at('killed', 'stages', 'report.json'))).toBe(false);
    const last = await run(...reproducing('killed'));
    expect(last.code, last.stderr).toBe(0);
    expect(hashesBelow(at('killed'))).toEqual(hashesBelow(at('whole')));
  },
  PATIENCE,
);

test('a spoilt file is made again, and nothing else', async () => {
  const before = hashesBelow(at('whole'));
  writeFileSync(at('whole', 'measurements', '1.1', 'block.json'), '{');
  writeFileSync(at('whole', 'resnet18', 'layer1.0', 'unit2', '1_distill_center.npy'), 'spoilt');
  const again = await run(...reproducing('whole'));
  expect(stagesDone(again.stderr)).toEqual(['photographs', 'images', 'responses-1.1']);
  expect(again.stderr).toMatch(/31 of 32 images are already done/);
  expect(hashesBelow(at('whole'))).toEqual(before);
});

test(
  'a run grows: another seed and block leave what is there as it was',
  async () => {
    const grown = await run(...reproducing('grown', '--seeds', '1'));
    expect(grown.code, grown.stderr).toBe(0);
    const before = hashesBelow(at('grown', 'resnet18'));
    const more = await run(...reproducing('grown', '--seeds', '2'));
    expect(stagesDone(more.stderr)).toEqual([
      'plan',
      'photographs',
      'images',
      'responses-1.1',
      'analyze',
      'report',
    ]);
    expect(more.stderr).toMatch(/16 of 32 images are already done/);
    expect(hashesBelow(at('grown', 'resnet18'))).toMatchObject(before);
    expect(hashesBelow(at('grown'))).toEqual(hashesBelow(at('whole')));
    const wider = await run(...reproducing('grown', '--blocks', '1.1,2.0'));
    expect(stagesDone(wider.stderr)).toEqual([
      'plan',
      'photographs',
      'images',
      'responses-2.0',
      'analyze',
      'report',
    ]);
    // the report is about all that the folder holds, not only what was asked for last
    const narrow = await run(...reproducing('grown'));
    expect(stagesDone(narrow.stderr)).toEqual(['plan', 'photographs', 'images']);
    const { blocks } = JSON.parse(readFileSync(at('grown', 'report.json'), 'utf8'));
    expect(blocks.map(({ block }: { block: string }) => block)).toEqual(['1.1', '2.0']);
  },
  PATIENCE,
);

test('without photographs that part is left out; --display adds O and whole channels', async () => {
  const out = at('display');
  const args = reproducing('display', '--seeds', '1', '--display', '1.1:3', '--pixels', 'float');
  const shown = await run(...args.filter((arg) => arg !== '--images' && arg !== at('photographs')));
  expect(shown.code, shown.stderr).toBe(0);
  const pictures = filesBelow(out).filter((path) => /unit3.*png$/.test(path));
  expect(pictures).toEqual([
    ...['layer1.0', 'layer1.1.bn2', 'layer1.1'].flatMap((module) =>
      ['center', 'channel'].map((kind) => join('resnet18', module, 'unit3', `0_distill_${kind}.png`)),
    ),
  ]);
  const [{ seeds, natural }] = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')).blocks;
  expect(natural).toBeUndefined();
  expect(seeds[0].tuning).toBeDefined();
  expect(existsSync(join(out, 'measurements', '1.1', 'seed0.responses.O.O.npy'))).toBe(true);
});

test(
  '--display named makes O and whole channels of what the report names, after it knows',
  async () => {
    const shown = await run(...reproducing('whole', '--display', 'named'));
    expect(shown.code, shown.stderr).toBe(0);
    expect(stagesDone(shown.stderr)).toEqual(['photographs', 'images', 'display', 'report']);
    const grids = filesBelow(at('whole', 'grids', '1.1')).map((name) => name.replace('.png', ''));
    expect(grids.length).toBeGreaterThan(0);
    const pictures = (module: string, kind: string) =>
      filesBelow(at('whole', 'resnet18', module)).filter((path) => path.endsWith(`0_distill_${kind}.png`));
    expect(pictures('layer1.1', 'center')).toHaveLength(grids.length);
    for (const module of ['layer1.0', 'layer1.1.bn2', 'layer1.1'])
      expect(pictures(module, 'channel')).toHaveLength(grids.length);
  },
  PATIENCE,
);

describe('is refused', () => {
  test('in the folder of another network', async () => {
    const args = reproducing('whole').map((arg) => arg.replace('small.safetensors', 'other.safetensors'));
    const { code, stderr } = await run(...args);
    expect(code).toBe(64);
    expect(stderr).toMatch(/is a run of resnet18 with weights .*, expected resnet34 with weights/);
  });

  test('under other settings, with the difference', async () => {
    const { code, stderr } = await run(...reproducing('whole', '--steps', '5', '--jitter-mode', 'centered'));
    expect(code).toBe(64);
    expect(stderr).toMatch(/steps was 4, is now 5; jitterMode was "faithful", is now "centered"/);
  });

  test('without photographs in their folder, before any image is made', async () => {
    mkdirSync(at('empty'));
    const args = reproducing('never').map((arg) => (arg === at('photographs') ? at('empty') : arg));
    const { code, stderr } = await run(...args);
    expect(code).toBe(65);
    expect(stderr).toMatch(/empty holds no images/);
    expect(images('never')).toEqual([]);
  });
});
