import { describe, expect, test } from 'vitest';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

const block = syntheticMeasurements({ dead: [3] });
const metrics = blockMetrics(block);

/** No NaN anywhere in what is reported. */
function expectNoNaN(value: unknown, path = 'metrics') {
  if (typeof value === 'number') expect(value, path).not.toBeNaN();
  else if (value && typeof value === 'object')
    for (const [key, inner] of Object.entries(value)) expectNoNaN(inner, `${path}.${key}`);
}

test('the answer of the study is the first seed, each seed has its own', () => {
  expect(metrics.seeds.map(({ seed }) => seed)).toEqual([0, 1, 2]);
  const alone = blockMetrics({ ...block, seeds: [block.seeds[0]] });
  expect(alone.seeds[0]).toEqual(metrics.seeds[0]);
});

test('the block behaves as it was built', () => {
  const [first] = metrics.seeds;
  expect(first.weights.batchNorm.rho).toBeLessThan(-0.5);
  expect(first.inhibition.comparison.overwrite.mean!).toBeLessThan(first.inhibition.comparison.skip.mean!);
  expect(first.curves!.overwrite.mean!).toBeLessThan(first.curves!.skip.mean!);
  const { passing, passingWithoutMix } = first.invariance.scale!;
  expect(passing.length).toBeGreaterThan(0);
  expect(passingWithoutMix.every((channel) => channel % 4 === 0)).toBe(true);
  expect(first.robust.scale!.every((channel) => passing.includes(channel))).toBe(true);
});

describe('missing images', () => {
  test('are listed, and are in no histogram, mean or test', () => {
    expect(metrics.excluded.missing).toEqual([0, 1, 2].map((seed) => ({ seed, channels: [3] })));
    const [first] = metrics.seeds;
    expect(first.histogram.reduce((sum, count) => sum + count)).toBe(127);
    expect(first.weights.batchNorm).toMatchObject({ n: 127, leftOut: 1 });
    expect(first.inhibition.comparison.leftOut).toContain(3);
    expect(first.invariance.scale!.unanswered).toEqual([3]);
    expect(metrics.spread.mix[3]).toMatchObject({ mean: null, n: 0, leftOut: 3 });
  });

  test('leave no NaN in the report', () => expectNoNaN(metrics));
});

test('a channel that no photograph excites is listed, and not averaged', () => {
  const silenced = syntheticMeasurements();
  const { activations, images } = silenced.natural!;
  for (let image = 0; image < images; image++) activations.I[image * silenced.channels + 5] = -1;
  const result = blockMetrics(silenced);
  expect(result.excluded.withoutCurve).toEqual([{ channel: 5, photographs: 0 }]);
  expect(result.seeds[0].curves!.leftOut).toContain(5);
  expectNoNaN(result);
});

test('photographs that do not excite their own tap are listed', () => {
  const silenced = syntheticMeasurements();
  silenced.natural!.responses.I.I!.fill(-1, 7 * 9, 8 * 9);
  const { unexcited } = blockMetrics(silenced).excluded;
  expect(unexcited.filter(({ channels }) => channels.length > 0)).toEqual([
    { stimulus: 'photographs', tap: 'I', channels: [7] },
  ]);
});

test('without photographs there is no curve, no robust variant, and the rest is the same', () => {
  const { natural, ...rest } = block;
  const result = blockMetrics(rest);
  expect(natural).toBeDefined();
  expect(result.natural).toBeUndefined();
  expect(result.seeds[0].curves).toBeUndefined();
  expect(result.seeds[0].robust).toEqual({});
  expect(result.seeds[0].invariance).toEqual(metrics.seeds[0].invariance);
});

test('a block without the needed responses is refused', () => {
  const incomplete = syntheticMeasurements();
  delete incomplete.seeds[1].responses.O.I;
  expect(() => blockMetrics(incomplete)).toThrow('block 2.1, seed 1: the mix ratio needs O and B');
});
