import { expect, test } from 'vitest';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { compareRuns } from '../../src/analysis/runComparison.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

const measured = syntheticMeasurements({ block: '2.0', channels: 32, seeds: 2, dead: [3] });
const here = blockMetrics(measured);

test('a run beside itself does not differ', () => {
  const [difference] = compareRuns([here], [here]);
  expect(difference).toMatchObject({
    block: '2.0',
    mix: { rho: 1, n: 31, leftOut: 1 },
    onlyHere: [],
    onlyThere: [],
  });
  expect(difference.medianDifference.runs).toBe(0);
  expect(difference.both).toEqual(here.seeds[0].invariance.scale!.passing);
});

test('a run beside its second seed differs as its seeds do', () => {
  const there = blockMetrics({ ...measured, seeds: [measured.seeds[1]] });
  const [difference] = compareRuns([here], [there]);
  expect(difference.medianDifference.runs).toBeGreaterThan(0);
  expect(difference.medianDifference.runs).toBe(difference.medianDifference.spread);
  const [mine, theirs] = [here.seeds[0], there.seeds[0]].map(({ invariance }) => invariance.scale!.passing);
  expect(difference.spread).toEqual({ passing: mine.length, shared: difference.both.length });
  expect([...difference.both, ...difference.onlyHere].sort()).toEqual([...mine].sort());
  expect([...difference.both, ...difference.onlyThere].sort()).toEqual([...theirs].sort());
});

test('channels that pass in one run only are told apart', () => {
  const changed = structuredClone(measured);
  const [gone] = here.seeds[0].invariance.scale!.passing;
  changed.seeds[0].invariance.scale!.blockOnInput[gone] = -9;
  const [difference] = compareRuns([here], [blockMetrics(changed)]);
  expect([difference.onlyHere, difference.onlyThere]).toEqual([[gone], []]);
});

test('blocks of one run only are left out; one seed is no yardstick', () => {
  const other = blockMetrics(syntheticMeasurements({ block: '2.1', channels: 8, seeds: 1 }));
  expect(compareRuns([here], [other])).toEqual([]);
  expect(compareRuns([other], [other])[0]).toMatchObject({
    spread: null,
    medianDifference: { spread: null },
  });
});
