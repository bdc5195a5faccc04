// One adapter, two hosts, one result: the browser's own software driver can serve Node as well, and then images are the
// same to the bit.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findChrome } from '../../src/cli/chrome.ts';
import { runCommand } from '../support/commandLine.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What tells a Vulkan loader where the browser's SwiftShader is. */
const drivers = [dirname(realpathSync(findChrome())), '/usr/lib/chromium', '/opt/google/chrome'].map(
  (place) => join(place, 'vk_swiftshader_icd.json'),
);

test('images made on the same adapter are the same in Node and in Chrome, to the bit', async (context) => {
  const driver = drivers.find((file) => existsSync(file));
  if (!driver) return context.skip('the browser has no driver of its own that Node could load');
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const units = '1.1.I:0,1.1.B:0,2.0.O:3';
  const weights = join(root, 'weights/shapes16.safetensors');
  const make = [
    'visualize',
    '--weights',
    weights,
    '--units',
    units,
    '--steps',
    '8',
    '--size',
    '64',
    '--json',
  ];
  const env = { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver, STREAMSCOPE_KERNELS: 'plain' };
  const run = async (out: string, before: readonly string[]) => {
    const { code, stdout, stderr } = await runCommand(root, [...before, ...make, '--out', out], {
      cwd: folder,
      env,
    });
    expect(code, stderr).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(3);
  };
  await run('node', []);
  await run('chrome', ['--host', 'chrome']);
  for (const place of ['layer1.0/unit0', 'layer1.1.bn2/unit0', 'layer2.0/unit3']) {
    const file = (host: string, end: string) =>
      readFileSync(join(folder, host, 'resnet18', place, `0_distill_center.${end}`));
    for (const host of ['node', 'chrome'])
      expect(JSON.parse(file(host, 'json').toString()).adapter).toMatch(/swiftshader/i);
    expect(Buffer.compare(file('node', 'npy'), file('chrome', 'npy')), place).toBe(0);
  }
});
