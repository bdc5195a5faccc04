// The README's tables are those of bench/results, and the check notices when they are not.

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const table = (...args: string[]) =>
  spawnSync(process.execPath, [join(ROOT, 'bench/table.mjs'), ...args], { encoding: 'utf8' });

let folder: string;
let readme: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'streamscope-test-'));
  readme = join(folder, 'README.md');
  copyFileSync(join(ROOT, 'README.md'), readme);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the README shows the stored results', () => {
  const { status, stderr } = table('--check');
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('a number that was changed by hand is found, and put right by --write', () => {
  const text = readFileSync(readme, 'utf8');
  const begin = text.indexOf('<!-- benchmarks:');
  const changed = text.slice(0, begin) + text.slice(begin).replace(/\d\.\d/, '9.9');
  expect(changed).not.toBe(text);
  writeFileSync(readme, changed);
  const check = table('--check', '--readme', readme);
  expect(check.stderr).toContain('node bench/table.mjs --write');
  expect(check.status).toBe(1);
  expect(table('--write', '--readme', readme).status).toBe(0);
  expect(readFileSync(readme, 'utf8')).toBe(text);
});

test('every kind of result has a table', () => {
  const facts = {
    date: '2026-01-02T03:04:05Z',
    machine: { cpu: 'a CPU', cores: 2, load: 0.5 },
    adapter: { name: 'an adapter', software: true, lanes: 8 },
    versions: { node: '20', dawn: '0.6', commit: 'abc', tfjs: { name: 'TensorFlow.js', version: '4.22.0' } },
  };
  const ms = { median: 12.5, min: 11, low: 12, high: 13, samples: 5 };
  const start = {
    firstStep: 3.21,
    phases: { compiling: 2.5 },
    total: 30,
    unitsPerHour: 480,
    msPerStep: 9.87,
  };
  const line = { intercept: 1.5, slope: 2.25, residual: 0.0123, worst: 0.04, r2: 0.9991 };
  const points = [
    { tap: '1.1.O', units: 1, ms },
    { tap: '1.1.O', units: 2, ms },
  ];
  const rate = { ms, gflops: 42.5, cpuGflops: 48.5, gbps: 3.5, fraction: 0.61 };
  const documents = {
    kernels: {
      ceilings: { gflops: 80, gbps: 9 },
      cases: [{ name: 'network convolutions, batch 1', ...rate }],
    },
    network: {
      cases: [
        {
          name: 'gradient of 4.1',
          batch: 1,
          whole: { ms, gflops: 31.5 },
          window: { ms },
          peers: { tfjs: { ms, ratio: 7.75 } },
        },
      ],
    },
    campaign: {
      images: { count: 24, steps: 32, batch: 8 },
      cold: start,
      warm: start,
      projected: { steps: 2560, unitsPerHour: 111 },
    },
    scaling: { units: points, taps: points, lines: { msByUnits: line } },
  };
  const paths = Object.entries(documents).map(([kind, document]) => {
    const path = join(folder, `${kind}.json`);
    writeFileSync(path, JSON.stringify({ kind, ...facts, ...document }));
    return path;
  });
  const { stdout, status } = table(...paths);
  expect(status).toBe(0);
  for (const cell of [
    '| network convolutions, batch 1 | 12.500 | 11.000 | 42.5 | 48.5 | 3.5 | 61 % |',
    '| gradient of 4.1 | 1 | 12.5 | 31.5 | 12.5 | 13, 7.75x |',
    'TensorFlow.js 4.22.0',
    '24 units, 32 steps each, 8 at once.',
    '| warm | 3.2 | 2.5 | 30.0 | 480 | 9.87 |',
    'about 111 units per hour (computed)',
    '| ms per step against units, 1.1.O | 2 | 1.50 + 2.25 x | 1.2 % | 4.0 % | 0.9991 |',
    'an adapter (software), 8 lanes; 2 cores of a CPU, load 0.5',
  ])
    expect(stdout).toContain(cell);
  expect(stdout).not.toContain('compare nothing');
  const loaded = join(folder, 'loaded.json');
  const machine = { ...facts.machine, load: 1.9 };
  writeFileSync(loaded, JSON.stringify({ kind: 'network', ...facts, machine, ...documents.network }));
  expect(table(loaded).stdout).toContain('the load was 1.9 on 2 cores');
  expect(table(loaded).stdout).toContain('compare nothing');
});
