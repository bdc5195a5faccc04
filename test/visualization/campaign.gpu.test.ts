// Campaigns on a small random network: an image's bytes depend on its unit and index alone, not on how many images
// are made or which share its batch; retries never take another image's seed; a dead or diverged unit says so.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { parseUnits } from '../../src/model/taps.ts';
import type { WeightTensor } from '../../src/model/weights.ts';
import {
  batchesOf,
  type CampaignSettings,
  firstSeed,
  type ImageResult,
  type ImageTask,
  SEED_STRIDE,
  visualizeImages,
} from '../../src/visualization/campaign.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 8 });
let gpu: Gpu;
let parameters: Parameters;

beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

const settings: CampaignSettings = {
  steps: 6,
  learningRate: 0.05,
  size: 96,
  jitterMode: 'faithful',
  seed: 0,
  retries: 1,
  batch: 8,
};

const tasks = (units: string, indices = [0]): ImageTask[] =>
  indices.flatMap((index) =>
    parseUnits(network, units).map((unit) => ({ unit, objective: 'center' as const, index })),
  );

async function make(
  wanted: readonly ImageTask[],
  change: Partial<CampaignSettings> = {},
  own = parameters,
): Promise<ImageResult[]> {
  const results: ImageResult[] = [];
  const context = { gpu, network, parameters: own };
  await visualizeImages(context, wanted, { ...settings, ...change }, async (result) => {
    results.push(result);
  });
  return results;
}

describe('images of several seeds', () => {
  test('are those that each seed gives alone, in any company', async () => {
    const together = await make(tasks('1.1.B:0-2', [0, 1, 2]));
    expect(together.map(({ task }) => `${task.unit.channel}/${task.index}`)).toEqual([
      ...['0/0', '1/0', '2/0', '0/1', '1/1', '2/1', '0/2', '1/2', '2/2'],
    ]);
    const [alone] = await make(tasks('1.1.B:1', [2]), { batch: 1 });
    const [bySeed] = await make(tasks('1.1.B:1'), { seed: 2 * SEED_STRIDE });
    const found = together.find(({ task }) => task.unit.channel === 1 && task.index === 2)!;
    expect(found.pixels).toEqual(alone.pixels);
    expect(found.ascent).toEqual(alone.ascent);
    expect(bySeed.ascent).toEqual(alone.ascent);
    const distinct = new Set(together.map(({ pixels }) => Buffer.from(pixels).toString('base64')));
    expect(distinct.size).toBe(9);
  });

  test('come from seeds that no retry of another reaches', async () => {
    const reach = (index: number) =>
      Array.from({ length: SEED_STRIDE }, (_, retry) => firstSeed(5, index) + retry);
    expect(new Set([0, 1, 2].flatMap(reach)).size).toBe(3 * SEED_STRIDE);
    await expect(make(tasks('1.1.B:1'), { retries: SEED_STRIDE })).rejects.toMatchObject({
      exitClass: 'usage',
    });
  });
});

test('two names of one place are one image', async () => {
  const [byInput] = await make(tasks('1.1.I:3'));
  const [byOutput] = await make(tasks('1.0.O:3'));
  expect(byInput.ascent).toEqual(byOutput.ascent);
});

test('batches hold one place and one objective, are filled in order, and leave nothing out', () => {
  const wide: ImageTask[] = tasks('1.1.O:1').map((task) => ({ ...task, objective: 'channel' }));
  const wanted = [...tasks('1.1.O:0-4'), ...tasks('1.1.B:0'), ...wide, ...tasks('1.1.O:5')];
  const batches = batchesOf(wanted, () => 4);
  expect(batches.map((batch) => batch.map(({ unit }) => unit.channel))).toEqual([
    [0, 1, 2, 3],
    [4, 5],
    [0],
    [1],
  ]);
  for (const batch of batches)
    expect(new Set(batch.map(({ unit, objective }) => unit.tap.place + objective)).size).toBe(1);
});

describe('a unit that cannot be made', () => {
  /** Image 1 of a unit in the network with one tensor changed. */
  async function attempt(name: string, change: (values: Float32Array) => Float32Array): Promise<ImageResult> {
    const changed = new Map<string, WeightTensor>(weights);
    const { shape, data } = weights.get(name)!;
    changed.set(name, { shape, data: change(data) });
    const own = new Parameters(gpu, changed);
    const [result] = await make(tasks('1.1.B:1', [1]), { steps: 400 }, own);
    own.destroy();
    return result;
  }

  test('is dead when its gradient is zero for good, after trying the next seed', async () => {
    const result = await attempt('layer1.1.bn2.weight', (values) => values.map(() => 0));
    expect(result.status).toBe('dead');
    expect(result.attempts).toEqual([
      { seed: 1000, status: 'dead' },
      { seed: 1001, status: 'dead' },
    ]);
    expect(result.activation).toBeUndefined();
    expect(result.ascent.objective.length).toBeLessThan(400);
  });

  test('has diverged when a value is not finite', async () => {
    const result = await attempt('layer1.1.bn2.weight', (values) => values.map(() => Number.NaN));
    expect(result.status).toBe('diverged');
    expect(result.activation).toBeUndefined();
  });
});
