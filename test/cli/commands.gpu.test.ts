// The command line as a person meets it: every command once, and every way to be wrong with one sentence, a hint,
// the right exit code and nothing half-written.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
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
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseNpy } from '../../src/model/npy.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { type RunOptions, runCommand } from '../support/commandLine.ts';
import { pickle, pth } from '../support/hostileFiles.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const at = (...parts: string[]) => join(folder, ...parts);
const weightsFile = at('small.safetensors');

const run = (args: readonly string[], options: Omit<RunOptions, 'cwd'> = {}) =>
  runCommand(root, args, { cwd: folder, ...options });

const visualize = (...args: string[]) =>
  run(['visualize', '--weights', weightsFile, '--size', '96', '--progress', 'none', ...args]);

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const { weights } = syntheticModel({ width: 8 });
  writeFileSync(weightsFile, writeSafetensors(weights));
  const part = new Map([...weights].filter(([name]) => !name.startsWith('layer2')));
  writeFileSync(at('part.safetensors'), writeSafetensors(part));
  const wrong = new Map(weights).set('layer1.0.conv1.weight', {
    shape: [8, 8, 5, 5],
    data: new Float32Array(1600),
  });
  writeFileSync(at('wrong.safetensors'), writeSafetensors(wrong));
  writeFileSync(at('cut.safetensors'), writeSafetensors(weights).subarray(0, 20_000));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('doctor names the adapter and tests it', async () => {
  const { code, stdout } = await run(['doctor', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    selfTest: { passed: true },
    adapter: { description: expect.any(String) },
    kernels: expect.stringMatching(/^(plain|simd|gemm)$/),
  });
});

test('taps lists every tap, and which a file serves', async () => {
  const { code, stdout } = await run(['taps', '--json', '--weights', at('part.safetensors')]);
  const { taps } = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(taps).toHaveLength(24);
  expect(taps.find(({ tap }: { tap: string }) => tap === '1.1.B')).toMatchObject({
    receptiveField: 43,
    pixels: [91, 133],
    served: true,
  });
  expect(taps.find(({ tap }: { tap: string }) => tap === '2.0.O').served).toBe(false);
});

test('weights list and inspect', async () => {
  expect((await run(['weights', 'list'])).stdout).toMatch(/resnet18 .*IMAGENET1K_V1/);
  const { stdout } = await run(['weights', 'inspect', weightsFile, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ network: 'resnet18', width: 8, classifies: true });
});

describe('visualize', () => {
  test('writes the picture, the floats and the record; the same command again changes nothing', async () => {
    const args = ['--units', '1.1.B:3,1.1.O:3', '--steps', '8', '--out', at('run')];
    const first = await visualize(...args);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toMatch(
      /^1\.1\.B:3 {2}activation -?\d+\.\d+ {2}.*unit3.0_distill_center\.png\n1\.1\.O:3/,
    );

    const unit = at('run', 'resnet18', 'layer1.1.bn2', 'unit3');
    expect(readdirSync(unit).sort()).toEqual([
      '0_distill_center.json',
      '0_distill_center.npy',
      '0_distill_center.png',
    ]);
    const image = parseNpy(readFileSync(join(unit, '0_distill_center.npy')));
    const png = PNG.sync.read(readFileSync(join(unit, '0_distill_center.png')));
    expect(image.shape).toEqual([3, 96, 96]);
    // truncated, not rounded
    expect([...png.data.subarray(0, 3)]).toEqual(
      [0, 1, 2].map((c) => Math.floor(image.data[c * 96 * 96] * 255)),
    );
    const record = JSON.parse(readFileSync(join(unit, '0_distill_center.json'), 'utf8'));
    expect(record).toMatchObject({
      image: '1.1.B:3/center/0',
      status: 'ok',
      settings: { steps: 8, seed: 0, jitter: 0, jitterMode: 'faithful' },
    });
    for (const [name, hash] of Object.entries(record.files)) {
      expect(
        createHash('sha256')
          .update(readFileSync(join(unit, name)))
          .digest('hex'),
      ).toBe(hash);
    }

    const bytes = readFileSync(join(unit, '0_distill_center.png'));
    const again = await visualize(...args);
    expect(again.stderr).toMatch(/2 of 2 images are already done/);
    expect(again.stdout).toBe(first.stdout);

    // a spoilt file is noticed and made again, to the same bytes
    writeFileSync(join(unit, '0_distill_center.png'), 'spoilt');
    expect((await visualize(...args)).stderr).toMatch(/1 of 2 images are already done/);
    expect(readFileSync(join(unit, '0_distill_center.png'))).toEqual(bytes);
  });

  test('refuses to go on under other settings, and says which', async () => {
    const args = ['--units', '1.0.B:1', '--out', at('settings')];
    expect((await visualize(...args, '--steps', '4')).code).toBe(0);
    const refused = await visualize(...args, '--steps', '5', '--seed', '2');
    expect(refused.code).toBe(64);
    expect(refused.stderr).toMatch(/steps was 4, is now 5; seed was 0, is now 2/);
    expect((await visualize(...args, '--steps', '5', '--overwrite')).code).toBe(0);
  });

  test('a dead unit is recorded without a picture', async () => {
    const { weights } = syntheticModel({ width: 8 });
    const dead = new Map(weights).set('layer1.1.bn2.weight', { shape: [8], data: new Float32Array(8) });
    writeFileSync(at('dead.safetensors'), writeSafetensors(dead));
    const args = [
      '--weights',
      at('dead.safetensors'),
      '--units',
      '1.1.B:1',
      '--steps',
      '20',
      '--size',
      '96',
      '--retries',
      '1',
      '--out',
      at('dead'),
    ];
    const { code, stdout } = await run(['visualize', ...args]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/1\.1\.B:1 {2}dead: no image/);
    expect(readdirSync(at('dead', 'resnet18', 'layer1.1.bn2', 'unit1'))).toEqual(['0_distill_center.json']);
  });

  test('SIGTERM stops at a step with exit 75 and leaves no torn file', async () => {
    const args = [
      'visualize',
      '--weights',
      weightsFile,
      '--units',
      '1.1.B:0-7',
      '--steps',
      '100000',
      '--out',
      at('stopped'),
    ];
    const { code, stderr } = await run(args, { killAfter: /units 0\/8/ });
    expect(code).toBe(75);
    expect(stderr).toMatch(/Run the same command again/);
    expect(existsSync(at('stopped', 'resnet18'))).toBe(false);
  });
});

describe('wrong input ends with a sentence, a hint and an exit code', () => {
  const out = ['--out', at('never')];
  test.each<[string, string[], number, RegExp, Record<string, string>?]>([
    ['unknown command', ['visualise'], 64, /unknown command 'visualise'[\s\S]*visualize/],
    ['missing option', ['visualize', '--units', '1.1.B:1'], 64, /--weights/],
    [
      'unknown tap',
      ['visualize', '--weights', weightsFile, '--units', '1.1.X:1', ...out],
      64,
      /no tap called 1\.1\.X[\s\S]*Did you mean/,
    ],
    [
      'channel out of range',
      ['visualize', '--weights', weightsFile, '--units', '1.1.B:8', ...out],
      64,
      /channels 0-7/,
    ],
    [
      'bad number',
      ['visualize', '--weights', weightsFile, '--units', '1.1.B:1', '--steps', 'ten', ...out],
      64,
      /--steps is "ten"/,
    ],
    [
      'no such file',
      ['visualize', '--weights', at('none.pth'), '--units', '1.1.B:1', ...out],
      69,
      /none\.pth: it does not exist[\s\S]*weights fetch/,
    ],
    [
      'missing tensors',
      ['visualize', '--weights', at('part.safetensors'), '--units', '2.0.O:1', ...out],
      65,
      /cannot serve 2\.0\.O: layer2\.0\.conv1\.weight[\s\S]*serves 1\.0\.I to 1\.1\.O/,
    ],
    [
      'wrong shape',
      ['visualize', '--weights', at('wrong.safetensors'), '--units', '1.1.B:1', ...out],
      65,
      /layer1\.0\.conv1\.weight is \[8,8,5,5\], expected \[8,8,3,3\]/,
    ],
    ['truncated file', ['weights', 'inspect', at('cut.safetensors')], 65, /cut\.safetensors/],
    ['unknown weights', ['weights', 'fetch', 'resnet81'], 64, /Did you mean resnet18\?/],
    [
      'no goldens',
      ['verify', '--weights', weightsFile, '--goldens', at('nowhere')],
      74,
      /manifest\.json: it does not exist/,
    ],
    ['unknown kernels', ['doctor'], 64, /expected plain, simd, gemm/, { STREAMSCOPE_KERNELS: 'fast' }],
    [
      'float16 with the plain kernels',
      ['doctor'],
      69,
      /plain kernels run on .* read float32 weights only/,
      { STREAMSCOPE_FLOAT16: '1', STREAMSCOPE_KERNELS: 'plain' },
    ],
    [
      'float16 in Chrome',
      ['--host', 'chrome', 'verify', '--weights', weightsFile],
      64,
      /pages store float32 weights/,
      { STREAMSCOPE_FLOAT16: '1' },
    ],
    ['no adapter', ['doctor'], 69, /adapter/i, { STREAMSCOPE_ADAPTER: 'none of that name' }],
  ])('%s', async (_, args, code, message, env) => {
    const result = await run(args, { env });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(result.code).toBe(code);
    expect(existsSync(at('never', 'resnet18'))).toBe(false);
  });

  test('an unwritable folder', async () => {
    writeFileSync(at('file'), '');
    const blocked = await visualize('--units', '1.1.B:1', '--out', at('file', 'run'));
    expect(blocked.code).toBe(74);
    expect(blocked.stderr).toMatch(/Cannot write to .*file.run: a part of the path is a file/);
    mkdirSync(at('readonly'));
    chmodSync(at('readonly'), 0o555);
    if (process.getuid?.() !== 0) {
      const denied = await visualize('--units', '1.1.B:1', '--out', at('readonly'));
      expect(denied.code).toBe(74);
    }
  });

  test('a .pth with an unknown global is refused by its name', async () => {
    const { file, global, text, tuple } = pickle;
    writeFileSync(at('code.pth'), pth(file(global('os', 'system'), tuple(text('id')), 'R')));
    const { stderr, code } = await run([
      'visualize',
      '--weights',
      at('code.pth'),
      '--units',
      '1.1.B:1',
      ...out,
    ]);
    expect(code).toBe(65);
    expect(stderr).toMatch(/code\.pth: .*global os\.system is not allowed/);
  });
});
