import { expect, test } from 'vitest';
import { STUDY } from '../../src/analysis/readings.ts';
import { spearman } from '../../src/analysis/stats.ts';
import { weightCorrelations } from '../../src/analysis/weightMagnitude.ts';

test('weights against the clamped mix ratio, channels without a ratio left out', () => {
  const ratios = [0.1, 0.5, 9, 70, null].map((value) => ({ value, case: 'ratio' as const }));
  const weightMagnitude = {
    batchNorm: Float64Array.from([5, 4, 2, 1, 100]),
    convolution: Float64Array.from([1, 2, 3, 4, 100]),
  };
  const { batchNorm, convolution } = weightCorrelations({ weightMagnitude }, ratios, STUDY);
  // 9 and 70 are both 5, hence a tie
  expect(batchNorm).toEqual({ ...spearman([0.1, 0.5, 5, 5], [5, 4, 2, 1]), leftOut: 1 });
  expect(convolution.rho).toBeGreaterThan(0.9);
});

test('equal batch norm weights are folded ones, and say nothing', () => {
  const ratios = [0.1, 0.5, 0.9].map((value) => ({ value, case: 'ratio' as const }));
  const of = (...batchNorm: number[]) =>
    weightCorrelations(
      { weightMagnitude: { batchNorm: Float64Array.from(batchNorm), convolution: Float64Array.of(1, 2, 3) } },
      ratios,
      STUDY,
    );
  expect(of(1, 1, 1)).toMatchObject({ folded: true, batchNorm: { rho: null } });
  expect(of(1, 1, 1.5).folded).toBe(false);
});
