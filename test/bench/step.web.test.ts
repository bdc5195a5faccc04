// `--host chrome bench step`: the same document as in Node, checked against the same float64 loops, in the browser.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { runCommand } from '../support/commandLine.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const weights = join(folder, 'w.safetensors');

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  // the case is of channel 19
  const layer1 = [...syntheticModel({ width: 20 }).weights].filter(
    ([name]) => !/^(layer[234]|fc)/.test(name),
  );
  writeFileSync(weights, writeSafetensors(new Map(layer1)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a step is validated and timed in Chrome', async () => {
  const out = join(folder, 'step.json');
  const step = ['bench', 'step', '--weights', weights, '--taps', '1.1.O', '--batch', '1', '--seconds', '0.1'];
  const { code, stdout, stderr } = await runCommand(root, ['--host', 'chrome', ...step, '--out', out], {
    cwd: folder,
  });
  expect(code, stderr).toBe(0);
  const document = JSON.parse(stdout);
  expect(JSON.parse(readFileSync(out, 'utf8'))).toEqual(document);
  expect(document.versions.browser).toMatch(/Chrome\/\d+/);
  expect(document.versions).not.toHaveProperty('dawn');
  expect(stderr).toContain(document.adapter.name);
  const [row] = document.cases;
  expect(row.validation).toMatchObject({ valid: true, against: 'float64 loops' });
  expect(row.ms.median).toBeGreaterThan(0);
  expect(row.counts.dispatches).toBeGreaterThan(40);
});

test('what cannot run there is refused', async () => {
  const inChrome = (...args: string[]) =>
    runCommand(root, ['--host', 'chrome', 'bench', ...args], { cwd: folder });
  const kernels = await inChrome('kernels');
  expect([kernels.code, kernels.stderr]).toEqual([
    64,
    expect.stringContaining('kernels does not run in Chrome.'),
  ]);
  const peer = await inChrome('step', '--weights', weights, '--against', 'pytorch');
  expect([peer.code, peer.stderr]).toEqual([
    64,
    expect.stringContaining('PyTorch does not run beside Chrome.'),
  ]);
  const none = await inChrome('step', '--weights', join(folder, 'none'));
  expect([none.code, none.stderr]).toEqual([69, expect.stringContaining('none')]);
});
