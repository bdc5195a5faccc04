// Tuning on the adapter at hand: tiles are timed only where their results have the bytes of the guessed ones, what is
// chosen is stored and found by the next device, and an image is the same under any of it. How fast, is nobody's test.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { hasTimestamps } from '../../src/engine/stopwatch.ts';
import { chooseTiles } from '../../src/engine/tileChoice.ts';
import { timeTiles } from '../../src/engine/tuner.ts';
import { guessedTiles, tilingFor } from '../../src/engine/tuning.ts';
import { type AdapterTiles, withTiles } from '../../src/engine/tuningFile.ts';
import { TILES, type TileName } from '../../src/kernels/gemmTiling.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { ascend } from '../../src/visualization/ascend.ts';
import { ANGLES, SCALES } from '../../src/visualization/transforms.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const TINY = { name: 'tiny', C: 7, K: 33, filter: 3, stride: 1, pad: 1, n: 9 };
const FEW = { name: 'few outputs', C: 16, K: 12, filter: 4, stride: 1, pad: 2, n: 6 };

const folder = mkdtempSync(join(tmpdir(), 'streamscope-tuner-'));
let gpu: Gpu;
beforeAll(async () => {
  vi.stubEnv('STREAMSCOPE_TUNING', 'none');
  gpu = await Gpu.acquire('gemm');
});
afterAll(() => {
  gpu?.close();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => vi.unstubAllEnvs());

test('every tile gives the same bytes and gets a time; the choice is stored, and found by the next device', async () => {
  const before = gpu.liveBytes;
  const products = [await timeTiles(gpu, TINY, 2), await timeTiles(gpu, FEW, 1)];
  expect(gpu.liveBytes).toBe(before);
  expect(products[0].product).toEqual({ outputs: 33, depth: 63, positions: 81, samples: 2 });
  expect(products[1].split).toBeGreaterThan(1);
  for (const { times } of products) {
    expect([...new Set(times.map(({ tile }) => tile))]).toEqual(Object.keys(TILES));
    for (const { tile, ms } of times) expect(ms, tile).toBeGreaterThan(0);
  }
  const { tiles } = chooseTiles(products, guessedTiles(gpu));

  // other than the guess for certain
  const own: AdapterTiles = { ...tiles, small: '32x64', wanted: 4096 };
  const file = join(folder, 'tuning.json');
  writeFileSync(file, withTiles([], gpu.info, own));
  vi.stubEnv('STREAMSCOPE_TUNING', file);
  const next = await Gpu.acquire('gemm');
  expect(next.tuning).toEqual({ tiles: own, file });
  const { product, split } = products[0];
  expect(tilingFor(next)(product)).toEqual({ ...TILES['32x64'], split, unroll: own.unroll });
  expect(tilingFor(gpu)(product)).not.toEqual(tilingFor(next)(product));
  next.close();
});

test('an adapter without timestamps is timed by the wall', async () => {
  const without = vi.spyOn(gpu.device, 'features', 'get').mockReturnValue(new Set());
  expect(hasTimestamps(gpu)).toBe(false);
  const { times } = await timeTiles(gpu, TINY, 1);
  for (const { tile, ms } of times) expect(ms, tile).toBeGreaterThan(0);
  without.mockRestore();
});

test('a tile with other bytes gets no time', async () => {
  const good = TILES['64x64'];
  try {
    // outputs 16 and 17 of every 18 are computed wrongly
    Object.assign(TILES, { '64x64': { tile: [18, 32], tall: false } });
    const { times } = await timeTiles(gpu, TINY, 1);
    for (const { tile, ms } of times) expect(ms === undefined, tile).toBe(tile === '64x64');
  } finally {
    Object.assign(TILES, { '64x64': good });
  }
});

test('a damaged file costs a warning, never the device', async () => {
  const file = join(folder, 'damaged.json');
  writeFileSync(file, '{"tunings":');
  vi.stubEnv('STREAMSCOPE_TUNING', file);
  const said = vi.spyOn(console, 'error').mockImplementation(() => {});
  const own = await Gpu.acquire('gemm');
  expect(own.tuning).toBeUndefined();
  expect(said).toHaveBeenCalledWith(
    expect.stringMatching(/^warning: the tuning in .*damaged\.json is ignored/),
  );
  said.mockRestore();
  own.close();
});

describe('an image', () => {
  const { network, weights } = syntheticModel({ width: 8 });
  const transforms = { jitter: 0, scales: SCALES, angles: ANGLES };
  const settings = { objective: 'center', steps: 3, learningRate: 0.05, size: 64, transforms } as const;

  /** Bytes of an ascent with these tiles for everything. */
  async function imageWith(tile: TileName | undefined): Promise<Float32Array> {
    const tiles = { large: '32x64', small: tile, few: tile, wanted: 4096, unroll: false } as AdapterTiles;
    gpu.tuning = tile && { tiles, file: 'by hand' };
    const parameters = new Parameters(gpu, weights);
    const target = { channel: 2, name: 'unit', seed: 0 };
    const [{ image }] = await ascend({ gpu, network, parameters }, '2.0.O', [target], settings);
    parameters.destroy();
    gpu.tuning = undefined;
    return image;
  }

  test('has the same bytes whatever tiles its products are made in', async () => {
    const expected = await imageWith(undefined);
    for (const tile of Object.keys(TILES) as TileName[])
      expect(await imageWith(tile), tile).toEqual(expected);
  });

  test('has others where sums are made in other parts', async () => {
    const expected = await imageWith('32x32');
    const other = vi.spyOn(gpu, 'isSoftware', 'get').mockReturnValue(!gpu.isSoftware);
    expect(await imageWith('32x32')).not.toEqual(expected);
    other.mockRestore();
  });
});
