// The file of tunings: what of it counts for an adapter, what is refused, and what storing leaves alone.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { version } from '../../package.json';
import { tuningFile } from '../../src/engine/gpu.node.ts';
import { describeTuning, loadTuning, tilingFor, workgroupsWanted } from '../../src/engine/tuning.ts';
import { type AdapterTiles, entriesOf, tilesIn, withTiles } from '../../src/engine/tuningFile.ts';

const TILES: AdapterTiles = { large: '64x64', small: '16x64', few: '32x32', wanted: 100, unroll: true };
const ADAPTER = {
  vendor: 'nvidia',
  architecture: 'ampere',
  device: 'card-1',
  description: 'card 1: driver 5.1',
} as GPUAdapterInfo;

const file = (...tunings: object[]) => JSON.stringify({ tunings });
const entry = { streamscope: version, adapter: ADAPTER, tiles: TILES };

describe('an entry', () => {
  test('is for its adapter, driver and version', () => {
    expect(tilesIn(file(entry), ADAPTER)).toEqual(TILES);
    for (const key of ['vendor', 'architecture', 'device', 'description'])
      expect(tilesIn(file(entry), { ...ADAPTER, [key]: 'other' })).toBeUndefined();
    expect(tilesIn(file({ ...entry, streamscope: '0.0.9' }), ADAPTER)).toBeUndefined();
  });

  test('without an adapter or a version fits any; the first that fits is taken', () => {
    expect(tilesIn(file({ tiles: TILES }), ADAPTER)).toEqual(TILES);
    const other = { ...TILES, wanted: 7 };
    expect(tilesIn(file({ adapter: ADAPTER, tiles: other }, entry), ADAPTER)).toEqual(other);
  });

  test('of another version may hold what this one does not know', () => {
    const later = { ...entry, streamscope: '9.0.0', tiles: { shape: '256x256' } };
    expect(tilesIn(file(later, entry), ADAPTER)).toEqual(TILES);
  });

  test('holds tiles that the kernel can make', () => {
    const bad = [
      { ...TILES, large: '48x48' },
      { ...TILES, large: '32x32' }, // too narrow for large batches
      { ...TILES, wanted: 0 },
      { ...TILES, wanted: 1.5 },
      { ...TILES, wanted: 5000 },
      { ...TILES, unroll: 1 },
      { ...TILES, split: 4 }, // would change bytes
      { large: '64x64' },
    ];
    for (const tiles of bad) expect(() => tilesIn(file({ ...entry, tiles }), ADAPTER)).toThrow(/./);
    expect(() => tilesIn(file({ ...entry, tiles: bad[0] }), ADAPTER)).toThrow('large: Invalid type');
  });
});

test('what is no file of tunings is refused', () => {
  const foreign = ['', '{', '[]', 'null', '{"tunings":{}}', '{"tunings":[{}]}', file(entry).slice(0, -5)];
  const deep = `{"tunings":[{"tiles":${'['.repeat(200_000)}${']'.repeat(200_000)}}]}`;
  for (const text of [...foreign, deep]) expect(() => entriesOf(text)).toThrow(/./);
});

test("storing replaces the adapter's entries and keeps the others", () => {
  const other = { ...entry, adapter: { ...ADAPTER, device: 'card-2' } };
  const stale = { ...entry, streamscope: '0.0.9' };
  const text = withTiles(entriesOf(file(stale, other, entry)), ADAPTER, { ...TILES, wanted: 9 });
  expect(JSON.parse(text)).toEqual({ tunings: [{ ...entry, tiles: { ...TILES, wanted: 9 } }, other] });
  expect(tilesIn(text, ADAPTER)).toEqual({ ...TILES, wanted: 9 });
});

describe('where it is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'streamscope-tuning-'));
  const named = join(folder, 'named.json');
  const gpu = { info: ADAPTER, kernels: 'gemm' as const, isSoftware: false };
  beforeEach(() => {
    vi.stubEnv('STREAMSCOPE_TUNING', '');
    vi.stubEnv('XDG_CACHE_HOME', folder);
  });
  afterEach(() => vi.unstubAllEnvs());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("in the user's cache, where somebody says, or nowhere", () => {
    const cached = join('streamscope', 'tuning.json');
    expect(tuningFile()).toBe(join(folder, cached));
    vi.stubEnv('XDG_CACHE_HOME', 'relative');
    expect(tuningFile()).toBe(join(homedir(), '.cache', cached));
    vi.stubEnv('STREAMSCOPE_TUNING', named);
    expect(tuningFile()).toBe(named);
    vi.stubEnv('STREAMSCOPE_TUNING', 'none');
    expect(tuningFile()).toBeUndefined();
    expect(loadTuning(gpu)).toEqual({});
  });

  test('a missing cache is nothing to speak of, a missing named file is', () => {
    expect(loadTuning(gpu)).toEqual({});
    vi.stubEnv('STREAMSCOPE_TUNING', named);
    const warning = `the tuning in ${named} is ignored: ENOENT: no such file or directory.`;
    expect(loadTuning(gpu)).toEqual({ warning });
  });

  test('what is damaged, foreign or a folder is ignored with a warning', () => {
    vi.stubEnv('STREAMSCOPE_TUNING', named);
    for (const text of [
      '{',
      '{"name":"other"}',
      file({ ...entry, adapter: { ...ADAPTER, vendor: 'amd' } }),
    ]) {
      writeFileSync(named, text);
      expect(loadTuning(gpu)).toEqual({ warning: expect.stringContaining(`in ${named} is ignored: `) });
    }
    vi.stubEnv('STREAMSCOPE_TUNING', folder);
    expect(loadTuning(gpu)).toEqual({ warning: expect.stringContaining('EISDIR') });
  });

  test('what fits is used by kernels with tiles, and changes no part of a sum', () => {
    mkdirSync(join(folder, 'streamscope'));
    writeFileSync(join(folder, 'streamscope', 'tuning.json'), file(entry));
    expect(loadTuning({ ...gpu, kernels: 'simd' })).toEqual({});
    const { tuning } = loadTuning(gpu);
    expect(tuning).toEqual({ tiles: TILES, file: tuningFile() });
    const [tuned, guessed] = [
      { ...gpu, tuning },
      { ...gpu, tuning: undefined },
    ];
    const product = { outputs: 64, depth: 576, positions: 9, samples: 1 };
    expect(tilingFor(guessed)(product)).toEqual({ tile: [32, 32], tall: false, split: 8, unroll: true });
    expect(tilingFor(tuned)(product)).toEqual({ tile: [16, 64], tall: false, split: 8, unroll: true });
    expect(workgroupsWanted(gpu)).toBe(256);
    expect(describeTuning(tuned)).toBe(
      `tuned, by ${tuningFile()}: 64x64 from 100 workgroups, else 16x64; 32x32 for few outputs; unrolled`,
    );
    expect(describeTuning(guessed)).toMatch(/^guess for vendor nvidia .*: 64x64 tall from 256 workgroups/);
    expect(describeTuning({ ...tuned, kernels: 'simd' })).toMatch(/^none/);
  });
});
