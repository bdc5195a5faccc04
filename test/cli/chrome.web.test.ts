// `--host chrome`: verify and visualize in headless Chrome give Node's results, and every way to be wrong is the same.
// Maps and gradients are those of a small network, from float64 loops; the image and its transforms are PyTorch's.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChrome } from '../../src/cli/chrome.ts';
import { parseNpy } from '../../src/model/npy.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { runCommand } from '../support/commandLine.ts';
import { writeSmallGoldens } from '../support/smallGoldens.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'streamscope-'));
const at = (...parts: string[]) => join(folder, ...parts);
const run = (...args: string[]) => runCommand(root, args, { cwd: folder });
let rowsOfSmall: number;

beforeAll(() => {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root });
  const model = syntheticModel({ width: 8 });
  const layer2 = [...model.weights].filter(([name]) => !/^(layer[34]|fc)/.test(name));
  writeFileSync(at('small.safetensors'), writeSafetensors(new Map(layer2)));
  writeFileSync(at('stem.safetensors'), writeSafetensors(new Map(layer2.slice(0, 1))));
  rowsOfSmall = writeSmallGoldens(at('goldens'), model);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Rows {
  adapter: string;
  rows: { name: string; error: number | null; bound: number; passed: boolean }[];
}

const verify = async (host: string, ...args: string[]): Promise<Rows> => {
  const { code, stdout, stderr } = await run('--host', host, 'verify', '--json', ...args);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

test('verify: images and transforms agree with the goldens that are shipped', async () => {
  const { adapter, rows } = await verify('chrome', '--weights', at('stem.safetensors'));
  expect(adapter).not.toBe('');
  expect(rows.length).toBe(30);
  expect(rows.filter(({ passed }) => !passed)).toEqual([]);
});

test('verify: maps and gradients of a network agree with float64 in Chrome as they do in Node', async () => {
  const args = ['--weights', at('small.safetensors'), '--goldens', at('goldens')];
  const [node, chrome] = [await verify('node', ...args), await verify('chrome', ...args)];
  expect(chrome.rows.map(({ name, bound }) => [name, bound])).toEqual(
    node.rows.map(({ name, bound }) => [name, bound]),
  );
  expect(chrome.rows.length).toBe(rowsOfSmall);
  expect(chrome.rows.every(({ error, bound }) => error !== null && error <= bound)).toBe(true);
});

test('verify: a golden that differs fails in Chrome, too', async () => {
  const spoilt = at('spoilt');
  const name = 'c_act_small0_maxpool';
  writeSmallGoldens(spoilt, syntheticModel({ width: 8 }));
  const bytes = readFileSync(join(spoilt, `${name}.npy`));
  bytes.writeDoubleLE(bytes.readDoubleLE(bytes.length - 8) + 1, bytes.length - 8);
  writeFileSync(join(spoilt, `${name}.npy`), bytes);
  writeFileSync(
    join(spoilt, 'manifest.json'),
    JSON.stringify({
      c_small0_input: { shape: [3, 64, 64] },
      [name]: { shape: parseNpy(bytes).shape },
    }),
  );
  const { code, stderr } = await run(
    ...['--host', 'chrome', 'verify', '--weights', at('small.safetensors'), '--goldens', spoilt],
  );
  expect(code).toBe(70);
  expect(stderr).toContain('1 of 1 results differ');
});

test('visualize: the same run folder as Node writes, the same ascent within the bounds of verify', async () => {
  const visualize = async (host: string) => {
    const args = ['--weights', at('small.safetensors'), '--units', '1.1.B:3', '--steps', '3', '--size', '64'];
    const out = at(`run-${host}`);
    const { code, stdout, stderr } = await run('--host', host, 'visualize', ...args, '--out', out, '--json');
    expect(code, stderr).toBe(0);
    const base = join(out, 'resnet18/layer1.1.bn2/unit3/0_distill_center');
    expect(JSON.parse(stdout)).toMatchObject({ unit: '1.1.B:3', status: 'ok', png: `${base}.png` });
    return {
      sidecar: JSON.parse(readFileSync(`${base}.json`, 'utf8')),
      image: parseNpy(readFileSync(`${base}.npy`)),
      again: (await run('visualize', ...args, '--out', out)).stderr,
    };
  };
  const [node, chrome] = [await visualize('node'), await visualize('chrome')];
  expect(chrome.image.shape).toEqual([3, 64, 64]);
  expect(chrome.sidecar.settings).toEqual(node.sidecar.settings);
  expect(chrome.sidecar.attempts).toEqual(node.sidecar.attempts);
  // what Chrome made, Node takes as done
  expect(chrome.again).toContain('1 of 1 images are already done');
  const relative = (of: (sidecar: typeof node.sidecar) => number) =>
    Math.abs(of(chrome.sidecar) / of(node.sidecar) - 1);
  // before the first step only the network differs; later steps also follow signs that rounding decides
  expect(relative(({ objective }) => objective.first)).toBeLessThan(1e-4);
  expect(relative(({ objective }) => objective.last)).toBeLessThan(1.2e-2);
  expect(relative(({ activation }) => activation)).toBeLessThan(1.2e-2);
});

test('says what is wrong: no browser, a broken file, a command for Node', async () => {
  const none = await run(
    '--host',
    'chrome',
    '--chrome',
    at('none'),
    'verify',
    '--weights',
    at('stem.safetensors'),
  );
  expect([none.code, none.stderr]).toEqual([69, expect.stringContaining('There is no browser at')]);
  writeFileSync(at('broken.pth'), 'PK nothing');
  const broken = await run('--host', 'chrome', 'verify', '--weights', at('broken.pth'));
  expect([broken.code, broken.stderr]).toEqual([65, expect.stringContaining('broken.pth')]);
  const node = await run('--host', 'chrome', 'doctor');
  expect([node.code, node.stderr]).toEqual([64, expect.stringContaining('doctor does not run in Chrome')]);
  expect(() => findChrome(undefined, '')).toThrow('Neither Chrome nor Chromium was found');
});
