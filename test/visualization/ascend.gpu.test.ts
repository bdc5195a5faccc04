// Ascents on a small random network: the same bytes again, in any batch; the regimes with and without jitter and
// both objectives climb.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { type AscendSettings, ascend, type Target } from '../../src/visualization/ascend.ts';
import type { JitterMode } from '../../src/visualization/jitter.ts';
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

interface Change extends Partial<AscendSettings> {
  jitter?: number;
  jitterMode?: JitterMode;
}

const settings = (change: Change = {}): AscendSettings => ({
  objective: 'center',
  steps: 12,
  learningRate: 0.05,
  size: 96,
  transforms: { jitter: change.jitter ?? 0, jitterMode: change.jitterMode, scales: SCALES, angles: ANGLES },
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

test('centered jitter climbs, elsewhere than the faithful', async () => {
  const jitter = (jitterMode: JitterMode) => settings({ jitter: 16, jitterMode, steps: 20 });
  const [faithful] = await ascend(context(), '2.1.O', [target(1)], jitter('faithful'));
  const [centered] = await ascend(context(), '2.1.O', [target(1)], jitter('centered'));
  const mean = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
  expect(mean(centered.objective.subarray(-5))).toBeGreaterThan(mean(centered.objective.subarray(0, 5)));
  expect(centered.image).not.toEqual(faithful.image);
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
