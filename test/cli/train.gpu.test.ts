// `train` as a person meets it: killed and continued to the same bytes, weights that other commands read, and refusals.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseSafetensors } from '../../src/model/safetensors.ts';
import { type RunOptions, runCommand } from '../support/commandLine.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-train-'));
const small = ['--width', '2', '--batch', '4', '--steps', '6', '--warmup', '1', '--held-out', '10'];
const train = (out: string, more: readonly string[] = [], options: Omit<RunOptions, 'cwd'> = {}) =>
  runCommand(root, ['train', '--out', out, ...small, '--checkpoint-every', '2', ...more], {
    cwd: folder,
    ...options,
  });
const bytes = (...path: string[]) => readFileSync(join(folder, ...path));

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  expect(await train('whole', ['--json'])).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('says how often it is right, by class and by scale', () => {
  const { accuracy, classes, settings } = JSON.parse(bytes('whole', 'accuracy.json').toString());
  expect(accuracy.images).toBe(10);
  const byClass = Object.values<{ images: number }>(accuracy.byClass);
  expect(byClass.reduce((sum, { images }) => sum + images, 0)).toBe(10);
  expect(Object.keys(accuracy.byClass)).toEqual(classes);
  expect(settings).toMatchObject({ width: 2, steps: 6, seed: 0 });
  const losses = parseSafetensors(bytes('whole', 'checkpoint.safetensors')).get('training/losses')!;
  expect([...losses.data].every((loss) => loss > 0 && loss < 10)).toBe(true);
  expect(losses.data).toHaveLength(6);
});

test('weights are a network to every other command', async () => {
  const weights = join(folder, 'whole', 'weights.safetensors');
  const { code, stdout } = await runCommand(root, ['weights', 'inspect', weights], { cwd: folder });
  expect(code).toBe(0);
  expect(stdout).toContain('Serves every tap');
});

test.each(['SIGKILL', 'SIGTERM'] as const)('after %s it continues to the same bytes', async (signal) => {
  const killed = await train(signal, [], { killAfter: /checkpoint after step 2/, signal });
  expect(killed.code).toBe(signal === 'SIGTERM' ? 75 : null);
  const again = await train(signal);
  expect(again.code).toBe(0);
  expect(again.stderr).toMatch(/continuing after step [2-5]\./);
  for (const name of ['weights.safetensors', 'checkpoint.safetensors', 'accuracy.json'])
    expect(Buffer.compare(bytes(signal, name), bytes('whole', name)), name).toBe(0);
});

test('other settings in the same folder are refused, with the difference', async () => {
  const { code, stderr } = await train('whole', ['--learning-rate', '0.2']);
  expect(code).toBe(64);
  expect(stderr).toContain('learningRate was 0.1, is now 0.2');
});

test.each([
  [['--warmup', '6'], 64, 'The warm-up takes 6 of 6 steps'],
  [['--batch', '1'], 64, '--batch is "1"'],
  [['--momentum', '1'], 64, '--momentum is "1"'],
  [['--learning-rate', '0'], 64, '--learning-rate is "0"'],
])('%s is refused', async (args, exit, message) => {
  const { code, stderr } = await train('refused', args);
  expect([code, stderr]).toEqual([exit, expect.stringContaining(message)]);
});

test('a checkpoint that is none is refused', async () => {
  expect((await train('torn', ['--steps', '2'])).code).toBe(0);
  const checkpoint = join(folder, 'torn', 'checkpoint.safetensors');
  writeFileSync(checkpoint, bytes('torn', 'checkpoint.safetensors').subarray(0, 1000));
  const { code, stderr } = await train('torn', ['--steps', '2']);
  expect([code, stderr]).toEqual([65, expect.stringContaining('cut short')]);
});

test('begins with the weights of another training, at another size', async () => {
  const from = join(folder, 'whole', 'weights.safetensors');
  const more = ['--from', from, '--size', '48', '--steps', '2'];
  expect(await train('larger', more)).toMatchObject({ code: 0 });
  const [first] = parseSafetensors(bytes('larger', 'checkpoint.safetensors')).get('training/losses')!.data;
  expect(first).toBeGreaterThan(0);
  expect(JSON.parse(bytes('larger', 'training.json').toString()).settings.from).toMatch(/^[0-9a-f]{64}$/);
  const other = await train('larger', ['--size', '48', '--steps', '2']);
  expect(other.code).toBe(64);
  expect(other.stderr).toContain('from was');
  const wide = await train('wide', [...more, '--width', '4']);
  expect(wide.code).toBe(65);
  expect(wide.stderr).toContain('conv1.weight is [2,3,7,7], expected [4,3,7,7]');
});

test('a linear classifier of pixels, to compare with', async () => {
  const { code } = await train('linear', ['--model', 'linear', '--learning-rate', '0.001']);
  expect(code).toBe(0);
  const tensors = parseSafetensors(bytes('linear', 'weights.safetensors'));
  expect(tensors.get('fc.weight')!.shape).toEqual([10, 3 * 32 * 32]);
});
