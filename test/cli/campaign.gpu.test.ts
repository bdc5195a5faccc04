// Campaigns as processes: killed without warning they continue to the same bytes; seeds are independent of each
// other; a run folder keeps to its settings and its network.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { runCommand } from '../support/commandLine.ts';
import { filesBelow, hashesBelow } from '../support/folders.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const at = (...parts: string[]) => join(folder, ...parts);
const weightsFile = at('small.safetensors');

/** Arguments of a visualisation with few steps of small pictures. */
const visualizing = (out: string, ...args: string[]) => [
  ...['visualize', '--weights', weightsFile, '--size', '96', '--steps', '6', '--progress', 'none'],
  ...['--out', at(out), ...args],
];
const run = (args: readonly string[]) => runCommand(root, args, { cwd: folder });
const sidecars = (out: string) => filesBelow(at(out)).filter((path) => path.endsWith('_center.json'));

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  writeFileSync(weightsFile, writeSafetensors(syntheticModel({ width: 8 }).weights));
  writeFileSync(at('resnet34.safetensors'), writeSafetensors(syntheticModel({ name: 'resnet34' }).weights));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a campaign and kills it, without warning, as soon as `images` are there; returns how many there were then. */
async function killAt(out: string, images: number, args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(root, 'dist/streamscope.js'), ...args], {
    cwd: folder,
    stdio: 'ignore',
  });
  const ended = new Promise<string | null>((done) => {
    child.on('close', (_, signal) => done(signal));
  });
  while (sidecars(out).length < images && child.exitCode === null)
    await new Promise((later) => setTimeout(later, 5));
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  return sidecars(out).length;
}

test('a campaign killed again and again leaves the folder of one that ran through', async () => {
  const list = ['--units', '1.1.I:0-7,1.1.B:0-7', '--seeds', '2', '--batch', '4'];
  expect((await run(visualizing('whole', ...list))).code).toBe(0);
  const whole = hashesBelow(at('whole'));
  expect(Object.keys(whole)).toHaveLength(1 + 32 * 3);

  const args = visualizing('killed', ...list);
  for (const images of [1, 6, 17, 29]) {
    const left = await killAt('killed', images, args);
    expect(left).toBeGreaterThanOrEqual(images);
    expect(left).toBeLessThan(32);
  }
  // what a kill within a write leaves behind: the first bytes, under the name of a process that is no more
  const host = hostname().replace(/[^\w-]/g, '-');
  const torn = at('killed', 'resnet18', 'layer1.0', 'unit3', `0_distill_center.png.${host}.4194999.tmp`);
  writeFileSync(torn, 'PNG');
  const last = await run(args);
  expect(last.code, last.stderr).toBe(0);
  expect(last.stderr).toMatch(/(29|3[01]) of 32 images are already done/);
  expect(existsSync(torn)).toBe(false);
  expect(hashesBelow(at('killed'))).toEqual(whole);
});

test('weights stored as float16 are other weights, and their error is said', async () => {
  const env = { STREAMSCOPE_FLOAT16: '1', STREAMSCOPE_KERNELS: 'gemm' };
  const half = (out: string) =>
    runCommand(root, visualizing(out, '--units', '1.1.B:1'), { cwd: folder, env });
  const first = await half('float16');
  expect(first.code, first.stderr).toBe(0);
  const [, values, gradient] = first.stderr.match(/values at 4\.1\.O .* by (\S+), a gradient by (\S+) /)!;
  expect(Number(values)).toBeGreaterThan(0);
  expect(Number(gradient)).toBeGreaterThan(0);
  expect((await half('float16')).stderr).toMatch(/1 of 1 images are already done/);

  const mixed = await run(visualizing('float16', '--units', '1.1.B:2'));
  expect(mixed.code).toBe(64);
  expect(mixed.stderr).toMatch(
    /float16 is a run of resnet18 with weights \w+, expected .*[\s\S]*STREAMSCOPE_FLOAT16/,
  );
});

describe('several seeds', () => {
  test('add images and change none that are there', async () => {
    expect((await run(visualizing('seeds', '--units', '1.1.B:1'))).code).toBe(0);
    const one = hashesBelow(at('seeds'));
    const three = await run(visualizing('seeds', '--units', '1.1.B:1', '--seeds', '3', '--json'));
    expect(three.stderr).toMatch(/1 of 3 images are already done/);
    expect(hashesBelow(at('seeds'))).toMatchObject(one);
    const lines = three.stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).index)).toEqual([0, 1, 2]);
    expect(lines.map((line) => JSON.parse(line).png)).toEqual(
      [0, 1, 2].map((index) =>
        at('seeds', 'resnet18', 'layer1.1.bn2', 'unit1', `${index}_distill_center.png`),
      ),
    );
    // image 2 is what the unit gives alone under its seed
    expect((await run(visualizing('alone', '--units', '1.1.B:1', '--seed', '2000'))).code).toBe(0);
    const image = (out: string, index: number) =>
      readFileSync(at(out, 'resnet18', 'layer1.1.bn2', 'unit1', `${index}_distill_center.npy`));
    expect(image('seeds', 2)).toEqual(image('alone', 0));
    expect(image('seeds', 1)).not.toEqual(image('seeds', 2));
  });

  test('are refused when retries would reach the next', async () => {
    const { code, stderr } = await run(visualizing('never', '--units', '1.1.B:1', '--retries', '1000'));
    expect(code).toBe(64);
    expect(existsSync(at('never'))).toBe(false);
    expect(stderr).toMatch(/--retries is "1000", expected a whole number from 0 to 999\./);
  });
});

test('both names of a place lead to one image, whichever is asked for first', async () => {
  expect((await run(visualizing('input', '--units', '1.1.I:2'))).code).toBe(0);
  expect((await run(visualizing('output', '--units', '1.0.O:2'))).code).toBe(0);
  expect(hashesBelow(at('input'))).toEqual(hashesBelow(at('output')));
  const again = await run(visualizing('input', '--units', '1.0.O:2,1.1.I:2'));
  expect(again.stderr).toMatch(/1 of 1 images are already done/);
});

describe('a run folder', () => {
  const args = (...changed: string[]) => visualizing('settled', '--units', '1.1.B:1', ...changed);
  beforeAll(async () => {
    expect((await run(args())).code).toBe(0);
  });

  test('holds the settings and their hash', () => {
    const { settings, settingsHash } = JSON.parse(readFileSync(at('settled', 'run.json'), 'utf8'));
    expect(settings).toMatchObject({
      network: 'resnet18',
      steps: 6,
      jitter: 'study',
      jitterMode: 'faithful',
      weightsSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(settingsHash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('refuses other settings for other units too, and names the difference', async () => {
    const before = hashesBelow(at('settled'));
    const other = visualizing('settled', '--units', '1.1.O:5', '--seed', '1', '--jitter-mode', 'centered');
    const { code, stderr } = await run(other);
    expect(code).toBe(64);
    expect(stderr).toMatch(
      /was begun with other settings: seed was 0, is now 1; jitterMode was "faithful", is now "centered"\./,
    );
    expect(hashesBelow(at('settled'))).toEqual(before);
  });

  test.each([[[]], [['--overwrite']]])('refuses another network, with %j', async (overwrite) => {
    const before = hashesBelow(at('settled'));
    const { code, stderr } = await run([
      ...args(...overwrite).map((arg) => (arg === weightsFile ? at('resnet34.safetensors') : arg)),
    ]);
    expect(code).toBe(64);
    expect(stderr).toMatch(
      /settled is a run of resnet18 with weights [0-9a-f]{12}, expected resnet34 with weights [0-9a-f]{12}/,
    );
    expect(hashesBelow(at('settled'))).toEqual(before);
  });

  test('with a damaged run.json says so, and starts a new one where there is none', async () => {
    const before = hashesBelow(at('settled'));
    writeFileSync(at('settled', 'run.json'), '{"settings":');
    const { code, stderr } = await run(args());
    expect(code).toBe(65);
    expect(stderr).toMatch(/run\.json is damaged: [\s\S]*Remove it/);
    rmSync(at('settled', 'run.json'));
    expect((await run(args())).stderr).toMatch(/1 of 1 images are already done/);
    expect(hashesBelow(at('settled'))).toEqual(before);
  });
});
