// `--host chrome`: verify, visualize, collect and reproduce in headless Chrome give Node's results, and every way to be wrong is the same.
// Maps and gradients are those of a small network, from float64 loops; the image and its transforms are PyTorch's.

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findChrome } from '../../src/cli/chrome.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { parseNpy } from '../../src/model/npy.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { encodePng } from '../../src/visualization/png.ts';
import { runCommand } from '../support/commandLine.ts';
import { filesBelow } from '../support/folders.ts';
import { picture } from '../support/pictures.ts';
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
  for (let i = 0; i < 11; i++) {
    const { height, width, data } = picture(230 + 9 * i, 320 - 7 * i);
    mkdirSync(at('photographs', `n${i % 2}`), { recursive: true });
    const changed = data.map((value) => (value * (i + 3)) % 256);
    writeFileSync(at('photographs', `n${i % 2}`, `${i}.png`), encodePng(changed, height, width));
  }
  writeFileSync(at('photographs/n1/torn.png'), 'no picture');
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

const array = (path: string) => parseNpy(readFileSync(path)).data;
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

test('collect: the same files as in Node, the same answers within the bound of verify; either continues the other', async () => {
  const collect = (host: string, out: string, blocks: string) => {
    const args = [
      '--weights',
      at('small.safetensors'),
      '--images',
      at('photographs'),
      '--batch',
      '4',
      '--crops',
    ];
    return run('--host', host, 'collect', ...args, '--blocks', blocks, '--out', at(out), '--json');
  };
  for (const host of ['node', 'chrome']) {
    const { code, stderr } = await collect(host, `collected-${host}`, '1.1');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('left out n1/torn.png: it cannot be decoded');
  }
  const [node, chrome] = [at('collected-node'), at('collected-chrome')];
  expect(filesBelow(chrome)).toEqual(filesBelow(node));
  const record = (folder: string) => {
    const { adapter, places, ...rest } = json(join(folder, 'resnet18/collected.json'));
    return { adapter, rest };
  };
  expect(record(chrome).rest).toEqual(record(node).rest);
  expect(record(chrome).adapter).not.toBe(record(node).adapter);
  for (const module of ['layer1.0', 'layer1.1.bn2', 'layer1.1']) {
    const file = (folder: string) => join(folder, 'resnet18', module, 'activations.npy');
    expect(array(file(chrome)).length).toBe(11 * 8);
    expect(errorOverRms(array(file(chrome)), array(file(node)))).toBeLessThan(1e-4);
  }
  for (const crop of filesBelow(join(node, 'resnet18/crops')))
    expect(readFileSync(join(chrome, 'resnet18/crops', crop))).toEqual(
      readFileSync(join(node, 'resnet18/crops', crop)),
    );
  // what one host collected, the other takes as done
  const further = await collect('chrome', 'collected-node', '1.1,2.0');
  expect(further.code, further.stderr).toBe(0);
  expect(further.stderr).toContain('3 of 6 places are already collected');
  expect(JSON.parse(further.stdout).counts.images).toBe(11);
});

test('collect: stopped by a signal, the same command goes on where it was', async () => {
  const args = ['--weights', at('small.safetensors'), '--images', at('photographs'), '--blocks', '1.1'];
  const command = ['--host', 'chrome', 'collect', ...args, '--batch', '1', '--out', at('stopped')];
  const child = spawn(process.execPath, [join(root, 'dist/streamscope.js'), ...command]);
  const ended = new Promise((done) => child.on('close', done));
  const journal = at('stopped/resnet18/collect.partial.jsonl');
  const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length - 2 : 0);
  while (lines() < 1 && child.exitCode === null) await new Promise((later) => setTimeout(later, 2));
  child.kill('SIGTERM');
  expect(await ended).toBe(75);
  const before = lines();
  expect(before).toBeGreaterThanOrEqual(1);
  expect(before).toBeLessThan(12);
  const { code, stderr } = await run(...command);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/\d+ of 12 images are already measured/);
  const file = 'resnet18/layer1.1/activations.npy';
  expect(readFileSync(at('stopped', file))).toEqual(readFileSync(at('collected-chrome', file)));
});

const reproduce = async (host: string, out: string): Promise<string> => {
  const args = ['--weights', at('small.safetensors'), '--images', at('photographs'), '--blocks', '1.1'];
  const small = ['--steps', '1', '--size', '64', '--seeds', '2', '--batch', '8', '--progress', 'none'];
  const { code, stderr } = await run(
    ...['--host', host, 'reproduce', ...args, ...small, '--display', '1.1:3', '--out', at(out)],
  );
  expect(code, stderr).toBe(0);
  return stderr;
};

test('reproduce: images, photographs and responses in Chrome, the run folder that Node leaves', async () => {
  await reproduce('node', 'run-whole');
  await reproduce('chrome', 'run-chrome-whole');
  expect(filesBelow(at('run-chrome-whole'))).toEqual(filesBelow(at('run-whole')));
  const record = (out: string) => json(at(out, 'measurements/1.1/block.json'));
  const [node, chrome] = [record('run-whole'), record('run-chrome-whole')];
  expect(chrome.provenance.settings).toEqual(node.provenance.settings);
  expect(chrome.provenance.adapter).not.toBe(node.provenance.adapter);
});

test('responses: to the very same images, the answers of Node within the bound of verify', async () => {
  cpSync(at('run-whole'), at('run-mixed'), { recursive: true });
  rmSync(at('run-mixed/measurements'), { recursive: true });
  expect(await reproduce('chrome', 'run-mixed')).toMatch(/(\d+) of \1 images are already done/);
  const arrays = filesBelow(at('run-whole/measurements/1.1')).filter((name) => name.endsWith('.npy'));
  expect(arrays.length).toBeGreaterThan(30);
  for (const name of arrays) {
    const [found, expected] = ['run-mixed', 'run-whole'].map((out) =>
      Array.from(array(at(out, 'measurements/1.1', name))),
    );
    // of O only channel 3 has an image: the others have no number on either host
    const [known, alike] = [expected, found].map((values) => values.filter((value) => !Number.isNaN(value)));
    expect(found.map(Number.isNaN), name).toEqual(expected.map(Number.isNaN));
    expect(errorOverRms(alike, known), name).toBeLessThan(1e-4);
  }
});

test('analyze: no GPU work, the same bytes', async () => {
  const analyzed = async (host: string) => {
    const { code, stderr } = await run('--host', host, 'analyze', '--run', at('run-whole'));
    expect(code, stderr).toBe(0);
    return readFileSync(at('run-whole/report.json'));
  };
  expect(await analyzed('chrome')).toEqual(await analyzed('node'));
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
