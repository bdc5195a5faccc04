// The SIMD kernels at the width that the other tests do not run at: a process of its own, because the driver reads the width when it starts,
// with an empty shader cache, because the cache does not tell widths apart and would hand out the wrong code.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { simdLanes } from '../support/simd.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'streamscope-lanes-'));
const script = join(folder, 'script.mjs');
let gpu: Gpu;

beforeAll(async () => {
  gpu = await Gpu.acquire();
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
  await build({
    entryPoints: [join(root, 'test/support/otherLanes.ts')],
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
afterAll(() => {
  gpu?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Whether this CPU has vectors of 512 bits; false where the system does not say. */
function hasWideVectors(): boolean {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8').includes('avx512f');
  } catch {
    return false;
  }
}
const wide = hasWideVectors();

test('the other width', async (context) => {
  const usual = simdLanes(gpu, context);
  const other = usual === 16 ? 8 : 16;
  context.skip(other === 16 && !wide, 'this CPU has no AVX-512: see test/QUARANTINE.md');
  const environment = {
    ...process.env,
    LP_NATIVE_VECTOR_WIDTH: `${32 * other}`,
    MESA_SHADER_CACHE_DIR: join(folder, 'shaders'),
  };
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: { ...environment, STREAMSCOPE_LANES: undefined },
    timeout: 110_000,
  });
  const { lanes, checked, worst } = JSON.parse(stdout);
  expect({ lanes, checked }).toEqual({ lanes: other, checked: 12 });
  for (const [pass, { error, bound, name }] of Object.entries<{ error: number; bound: number; name: string }>(
    worst,
  ))
    expect(error, `${pass} of ${name}`).toBeLessThanOrEqual(bound);
});
