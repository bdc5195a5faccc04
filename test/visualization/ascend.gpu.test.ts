// Ascents on a small random network: the same bytes again, in any batch; a dead or diverged unit says so; the
// regimes with and without jitter and both objectives climb.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { parseUnits } from '../../src/model/taps.ts';
import type { WeightTensor } from '../../src/model/weights.ts';
import { type AscendSettings, ascend, type Target } from '../../src/visualization/ascend.ts';
import { type CampaignSettings, type UnitResult, visualizeUnits } from '../../src/visualization/campaign.ts';
import { ANGLES, SCALES } from '../../src/visualization/transforms.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 8 });
let gpu: Gpu;
let parameters: Parameters;

beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

const settings = (change: Partial<AscendSettings> & { jitter?: number } = {}): AscendSettings => ({
  objective: 'center',
  steps: 12,
  learningRate: 0.05,
  size: 96,
  transforms: { jitter: change.jitter ?? 0, scales: SCALES, angles: ANGLES },
  ...change,
});

const target = (channel: number, seed = 0): Target => ({ channel, name: `unit ${channel}`, seed });
const context = () => ({ gpu, network, parameters });

test('one seed gives the same bytes again, another seed gives others', async () => {
  const [first] = await ascend(context(), '1.1.O', [target(2)], settings());
  const [again] = await ascend(context(), '1.1.O', [target(2)], settings());
  const [other] = await ascend(context(), '1.1.O', [target(2, 1)], settings());
  expect(again).toEqual(first);
  expect(other.image).not.toEqual(first.image);
});

test('the bytes of a unit do not depend on its batch', async () => {
  const batch = await ascend(
    context(),
    '1.1.B',
    [target(2), target(5, 3), target(0)],
    settings({ jitter: 4 }),
  );
  const [alone] = await ascend(context(), '1.1.B', [target(5, 3)], settings({ jitter: 4 }));
  expect(batch[1]).toEqual(alone);
});

describe.each([
  ['1.0.I', 'maxpool', 0, 'center'],
  ['1.1.B without jitter', '1.1.B', 0, 'center'],
  ['2.0.I with jitter 4', '2.0.I', 4, 'center'],
  ['2.1.O with jitter 16', '2.1.O', 16, 'center'],
  ['4.1.O, which touches the border', '4.1.O', 0, 'center'],
  ['a channel without jitter, whose size varies', '1.1.O', 0, 'channel'],
  ['a channel with jitter', '2.0.B', 4, 'channel'],
] as const)('%s', (_, place, jitter, objective) => {
  test('climbs', async () => {
    const [result] = await ascend(context(), place, [target(1)], settings({ jitter, objective, steps: 20 }));
    const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(result.status).toBe('ok');
    expect(result.objective).toHaveLength(20);
    expect(mean(result.objective.subarray(-5))).toBeGreaterThan(mean(result.objective.subarray(0, 5)));
    expect(Math.min(...result.gradientNorm)).toBeGreaterThan(0);
  });
});

test('units of varying size in one batch are what they are alone', async () => {
  const wide = settings({ objective: 'channel', steps: 4 });
  const batch = await ascend(context(), '1.1.O', [target(1), target(2)], wide);
  expect(batch[1]).toEqual((await ascend(context(), '1.1.O', [target(2)], wide))[0]);
});

test('an aborted ascent throws the abort', async () => {
  const stop = new AbortController();
  const onProgress = () => stop.abort();
  const run = ascend(
    { ...context(), signal: stop.signal, onProgress },
    '1.1.O',
    [target(1)],
    settings({ steps: 5000 }),
  );
  await expect(run).rejects.toMatchObject({ name: 'AbortError' });
});

test('nothing stays on the GPU', async () => {
  await ascend(context(), '1.1.O', [target(1)], settings());
  const before = gpu.liveBytes;
  await ascend(context(), '1.1.O', [target(1)], settings());
  expect(gpu.liveBytes).toBe(before);
});

describe('a unit that cannot be made', () => {
  /** The network with one tensor changed. */
  async function attempt(name: string, change: (values: Float32Array) => Float32Array): Promise<UnitResult> {
    const changed = new Map<string, WeightTensor>(weights);
    const { shape, data } = weights.get(name)!;
    changed.set(name, { shape, data: change(data) });
    const own = new Parameters(gpu, changed);
    const campaign: CampaignSettings = {
      objective: 'center',
      steps: 400,
      learningRate: 0.05,
      size: 96,
      seed: 0,
      retries: 1,
      batch: 1,
    };
    const results: UnitResult[] = [];
    await visualizeUnits(
      { gpu, network, parameters: own },
      parseUnits(network, '1.1.B:1'),
      campaign,
      async (result) => {
        results.push(result);
      },
    );
    own.destroy();
    return results[0];
  }

  test('is dead when its gradient is zero for good, after trying the next seed', async () => {
    const result = await attempt('layer1.1.bn2.weight', (values) => values.map(() => 0));
    expect(result.status).toBe('dead');
    expect(result.attempts).toEqual([
      { seed: 0, status: 'dead' },
      { seed: 1, status: 'dead' },
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
