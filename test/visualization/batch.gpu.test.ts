// How many units are made at once: what fits a budget and the adapter's limits, and what was measured is given back.
// And that it does not matter: a unit's bytes are the same alone, among 8 and among 32.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { type AscendSettings, ascend, type Target } from '../../src/visualization/ascend.ts';
import { MEMORY_BUDGET, suitableBatch } from '../../src/visualization/batch.ts';
import { ANGLES, SCALES } from '../../src/visualization/transforms.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 8 });
let gpu: Gpu;
let parameters: Parameters;
beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu?.close());

const settings: AscendSettings = {
  objective: 'center',
  steps: 4,
  learningRate: 0.05,
  size: 64,
  transforms: { jitter: 4, jitterMode: 'faithful', scales: SCALES, angles: ANGLES },
};

/** Bytes that a batch takes while it runs, at most. */
async function peakBytes(units: number): Promise<number> {
  let most = 0;
  const watched = new Proxy(gpu, {
    get(target, name) {
      most = Math.max(most, target.liveBytes);
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
  const before = gpu.liveBytes;
  await ascend({ gpu: watched, network, parameters }, '1.1.O', targets(units), settings);
  return most - before;
}

const targets = (units: number): Target[] =>
  Array.from({ length: units }, (_, i) => ({ channel: i % 8, name: `unit ${i}`, seed: i }));

test('fits the budget, and gives back what it tried with', async () => {
  const context = { gpu, network, parameters };
  await suitableBatch(context, '1.1.O', settings); // uploads the weights
  const before = gpu.liveBytes;
  expect(await suitableBatch(context, '1.1.O', settings, MEMORY_BUDGET)).toBe(gpu.isSoftware ? 8 : 32);
  expect(gpu.liveBytes).toBe(before);
  expect(await suitableBatch(context, '1.1.O', settings, 1)).toBe(1);
  const four = await peakBytes(4);
  const fitting = await suitableBatch(context, '1.1.O', settings, four);
  expect(fitting).toBeGreaterThanOrEqual(2);
  expect(await peakBytes(fitting)).toBeLessThanOrEqual(1.5 * four); // reading results back takes some more
});

test('a unit has the same bytes alone, among 8 and among 32', async () => {
  const make = (of: Target[]) => ascend({ gpu, network, parameters }, '2.0.O', of, settings);
  const all = targets(32);
  const [many, some, [alone]] = [await make(all), await make(all.slice(0, 8)), await make(all.slice(3, 4))];
  for (const [i, { image, spectrum, objective }] of some.entries()) {
    expect(image).toEqual(many[i].image);
    expect(spectrum).toEqual(many[i].spectrum);
    expect(objective).toEqual(many[i].objective);
  }
  expect(alone.image).toEqual(many[3].image);
  expect(alone.spectrum).toEqual(many[3].spectrum);
  expect(new Set(many.map(({ objective }) => objective.join())).size).toBe(32);
});
