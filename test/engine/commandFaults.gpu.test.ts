// The command line on a GPU that fails under it (support/gpuFaults.mjs): the right exit code, one sentence and a hint,
// and no file that a run without the fault would not have written. Afterwards the same command makes that run's files.
// STREAMSCOPE_FAULTS sets how often each (1 otherwise; 20 nightly); what fails moves with every repetition.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { runCommand } from '../support/commandLine.ts';
import { hashesBelow } from '../support/folders.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const TIMES = Number(process.env.STREAMSCOPE_FAULTS ?? 1);
const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const faults = pathToFileURL(join(root, 'test/support/gpuFaults.mjs')).href;

const command = (weights: string, out: string) => [
  ...[
    'visualize',
    '--weights',
    join(folder, weights),
    '--units',
    '1.1.B:0-3',
    '--size',
    '64',
    '--steps',
    '24',
  ],
  ...['--batch', '2', '--retries', '0', '--progress', 'none', '--out', join(folder, out)],
];
const run = (weights: string, out: string, env: Record<string, string> = {}) =>
  runCommand(root, command(weights, out), { cwd: folder, env });
const files = (out: string) => (existsSync(join(folder, out)) ? hashesBelow(join(folder, out)) : {});
let whole: Record<string, string>;

beforeAll(async () => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const { weights } = syntheticModel({ width: 8 });
  writeFileSync(join(folder, 'small.safetensors'), writeSafetensors(weights));
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
    const broken = new Map(weights);
    const first = broken.get('layer1.0.conv1.weight')!;
    broken.set('layer1.0.conv1.weight', { ...first, data: first.data.map((w, i) => (i === 4 ? value : w)) });
    writeFileSync(join(folder, `${value}.safetensors`), writeSafetensors(broken));
  }
  const { code, stderr } = await run('small.safetensors', 'whole');
  expect(code, stderr).toBe(0);
  whole = files('whole');
  expect(Object.keys(whole)).toHaveLength(1 + 4 * 3);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Failure {
  code: number;
  sentence: RegExp;
  hint: RegExp;
}

/** Runs into a fault: as it should fail, with nothing written that is wrong. Then the same command without it. */
async function fails(out: string, env: Record<string, string>, { code, sentence, hint }: Failure) {
  const result = await run('small.safetensors', out, env);
  expect({ code: result.code, stderr: result.stderr }).toEqual({
    code,
    stderr: expect.stringMatching(sentence),
  });
  expect(result.stderr).toMatch(hint);
  if (env.FAULT) expect(result.stderr).toMatch(/^fault injected$/m);
  expect(result.stdout).toBe('');
  for (const [path, hash] of Object.entries(files(out))) expect(hash, path).toBe(whole[path]);
}

const again = /Run the same command again/;
const stopped = (sentence: RegExp): Failure => ({ code: 75, sentence, hint: again });
const unavailable = (sentence: RegExp, hint: RegExp): Failure => ({ code: 69, sentence, hint });

const rows: [string, (i: number) => Record<string, string>, Failure][] = [
  [
    'no adapter',
    () => ({ VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' }),
    unavailable(/streamscope: (No WebGPU adapter was found|WebGPU could not start)/, /setup\.sh/),
  ],
  ['no device', () => ({ FAULT: 'refused' }), unavailable(/The adapter gives no device: /, /doctor/)],
  [
    'a limit is too small',
    () => ({ FAULT: 'limit' }),
    unavailable(
      /binds \d+ buffers and \d+ textures, this adapter \(.+\) allows 4 and/,
      /STREAMSCOPE_ADAPTER/,
    ),
  ],
  ['the device is destroyed', (i) => ({ FAULT: `destroyed@${3 + i}` }), stopped(/The GPU was lost: /)],
  [
    'the device is lost in a read-back',
    (i) => ({ FAULT: `lost@${3 + (i % 14)}` }),
    stopped(/The GPU was lost: /),
  ],
  [
    'a read-back is corrupted',
    (i) => ({ FAULT: `corrupted@${3 + (i % 14)}` }),
    stopped(/Reading .+ from the GPU gave other bytes than it holds/),
  ],
  [
    'the budget is too small for one image',
    (i) => ({ STREAMSCOPE_MEMORY: `${0.1 + 0.01 * i}` }),
    unavailable(/needs \d+ bytes beside the \d+ in use, the budget is \d+/, /smaller batch or image/),
  ],
  [
    'a kernel does not end',
    () => ({ FAULT: 'endless', STREAMSCOPE_GPU_TIMEOUT: '6' }),
    stopped(/The GPU has not finished its work within 6 s/),
  ],
];

for (const [what, env, failure] of rows)
  test(
    `${what}, ${TIMES} times`,
    async () => {
      let out = '';
      for (let i = 0; i < TIMES; i++) {
        out = `${what.replaceAll(' ', '-')}-${i}`;
        const start = performance.now();
        await fails(out, { NODE_OPTIONS: `--import=${faults}`, ...env(i) }, failure);
        expect(performance.now() - start).toBeLessThan(30_000);
      }
      const { code, stderr } = await run('small.safetensors', out);
      expect(code, stderr).toBe(0);
      expect(files(out)).toEqual(whole);
    },
    60_000 + 15_000 * TIMES,
  );

test(
  `the driver has no memory for a batch: it is halved, and nothing else changes, ${TIMES} times`,
  async () => {
    for (let i = 0; i < TIMES; i++) {
      const env = { NODE_OPTIONS: `--import=${faults}`, FAULT: `memory@${60 + 7 * i}` };
      const { code, stderr } = await run('small.safetensors', `memory-${i}`, env);
      expect(code, stderr).toBe(0);
      expect(files(`memory-${i}`)).toEqual(whole);
    }
  },
  60_000 + 15_000 * TIMES,
);

for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
  test(
    `${value} among the weights: refused, ${TIMES} times`,
    async () => {
      for (let i = 0; i < TIMES; i++) {
        const out = `weights-${value}-${i}`;
        const { code, stdout, stderr } = await run(`${value}.safetensors`, out);
        const sentence = new RegExp(
          `safetensors: layer1\\.0\\.conv1\\.weight holds ${value} at 4, expected finite`,
        );
        expect({ code, stdout, stderr }).toEqual({
          code: 65,
          stdout: '',
          stderr: expect.stringMatching(sentence),
        });
        expect(files(out)).toEqual({});
      }
    },
    60_000 + 15_000 * TIMES,
  );

test(
  `a weight near the largest float: no picture, and it is said, ${TIMES} times`,
  async () => {
    for (let i = 0; i < TIMES; i++) {
      const { code, stdout, stderr } = await run('3e+38.safetensors', `large-${i}`);
      expect({ code, stdout }, stderr).toEqual({
        code: 0,
        stdout: expect.stringMatching(/diverged: no image/),
      });
      expect(stdout).not.toMatch(/activation/);
      expect(Object.keys(files(`large-${i}`)).filter((path) => path.endsWith('.png'))).toEqual([]);
    }
  },
  60_000 + 15_000 * TIMES,
);
