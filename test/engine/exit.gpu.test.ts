// Starting and leaving: a process that acquires a device, computes and ends must end, with the code it asked for,
// in every way a process can end. The object that starts WebGPU has to stay reachable for that (gpu.node.ts).
// STREAMSCOPE_EXITS sets how often each (10 otherwise; 200 nightly).

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'streamscope-exit-'));
const script = join(folder, 'script.mjs');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = `
  import { Gpu } from './src/engine/device.ts';
  import { selfTest } from './src/engine/selfTest.ts';
  const gpu = await Gpu.acquire();
  const { passed } = await selfTest(gpu);
  console.log(passed ? 'passed' : 'failed');
  const style = process.argv[2];
  if (style === 'close' || style === 'close and exit') gpu.close();
  if (style === 'exit' || style === 'close and exit') process.exit(3);
  if (style === 'exit in a timer') setTimeout(() => process.exit(3), 20);
  if (style === 'throw') throw new Error('on purpose');
`;

beforeAll(async () => {
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    loader: { '.wgsl': 'text' },
    packages: 'external',
    logLevel: 'warning',
  });
});

/** Runs the script; a process that is still there after 30 seconds is killed, and its code is null. */
function run(
  style: string,
): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, style], { timeout: 30_000, killSignal: 'SIGKILL' });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

const STYLES = {
  close: 0,
  'fall off the end': 0,
  exit: 3,
  'close and exit': 3,
  'exit in a timer': 3,
  throw: 1,
};

const TIMES = Number(process.env.STREAMSCOPE_EXITS ?? 10);
/** Processes at once. */
const LANES = 2;

for (const [style, expected] of Object.entries(STYLES))
  test(
    `${style}: ends ${TIMES} times of ${TIMES} with code ${expected}`,
    async () => {
      let started = 0;
      const lane = async () => {
        while (started++ < TIMES) {
          const { code, signal, stdout, stderr } = await run(style);
          expect({ code, signal, stdout }, stderr).toEqual({
            code: expected,
            signal: null,
            stdout: 'passed\n',
          });
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    },
    60_000 + 6000 * TIMES,
  );
