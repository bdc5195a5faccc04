// Durations of a campaign, from marks that are easy to add up.

import { expect, test } from 'vitest';
import { durations } from '../../bench/campaignReport.ts';

test('phases, rate and the time of a step, without the compilation of later batches', () => {
  const report = {
    opened: 1500,
    device: 1700,
    // two batches of 2 units, 3 steps each: the first report of each waits 5 s and 2 s for its compilation
    progress: [
      { at: 6800, steps: 2 },
      { at: 6900, steps: 4 },
      { at: 7000, steps: 6 },
      { at: 9100, steps: 8 },
      { at: 9300, steps: 12 },
    ],
    end: 10_000,
    units: ['a', 'b', 'c', 'd'].map((name) => ({ name, status: 'ok', sha256: '' })),
    liveBytes: 5,
  };
  const start = durations(1000, report, [6, 6]);
  expect(start.msPerStep).toBeCloseTo(400 / 8, 9);
  expect(start.firstStep).toBeCloseTo(5.8, 9);
  expect(start.phases.process).toBeCloseTo(0.5, 9);
  expect(start.phases.device).toBeCloseTo(0.2, 9);
  expect(start.phases.step).toBeCloseTo(0.1, 9);
  expect(start.phases.compiling).toBeCloseTo(5, 9);
  expect(start.total).toBeCloseTo(9, 9);
  expect(start.unitsPerHour).toBeCloseTo((4 * 3600) / 9, 9);
});
