import { expect, test } from 'vitest';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { clamped } from '../../src/analysis/mixRatio.ts';
import { STUDY } from '../../src/analysis/readings.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

const block = syntheticMeasurements({ dead: [3] });
const { spread, seeds } = blockMetrics(block);

test('mix ratios', () => {
  const values = seeds.map(({ mix }) => clamped(mix, STUDY)[10]);
  const mean = (values[0] + values[1] + values[2]) / 3;
  expect(spread.mix[10].mean).toBeCloseTo(mean, 12);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2);
  expect(spread.mix[10].deviation).toBeCloseTo(deviation, 12);
});

test('pass rates count the seeds that pass', () => {
  const { channels, always, ever } = spread.invariance.scale!;
  for (const [c, { rates }] of channels.entries()) {
    const passed = seeds.filter(({ invariance }) => invariance.scale!.channels[c].passes).length;
    expect(rates.passes).toBe(passed / 3);
    expect(always.includes(c)).toBe(passed === 3);
    expect(ever.includes(c)).toBe(passed > 0);
  }
  expect(ever.length).toBeGreaterThan(0);
});

test('percentages and correlations', () => {
  expect(spread.invariance.scale!.percent.n).toBe(3);
  const rho = seeds.map(({ weights }) => weights.batchNorm.rho!);
  expect(spread.weights.batchNorm.mean).toBeCloseTo((rho[0] + rho[1] + rho[2]) / 3, 12);
  const difference = seeds.map(
    ({ inhibition: { comparison } }) => comparison.skip.mean! - comparison.overwrite.mean!,
  );
  expect(spread.inhibition.mean).toBeCloseTo((difference[0] + difference[1] + difference[2]) / 3, 12);
});

test('one seed has no spread', () => {
  const alone = blockMetrics({ ...block, seeds: [block.seeds[0]] });
  expect(alone.spread.mix[0]).toMatchObject({ n: 1, deviation: null });
  expect(alone.spread.invariance.scale!.percent.deviation).toBeNull();
});
