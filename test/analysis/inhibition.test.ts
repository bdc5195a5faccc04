import { expect, test } from 'vitest';
import { compareGroups, curveCorrelations } from '../../src/analysis/inhibition.ts';
import { STUDY } from '../../src/analysis/readings.ts';
import { anova, spearman } from '../../src/analysis/stats.ts';

const ratio = (value: number | null) => ({
  value,
  case: value === null ? ('missing' as const) : ('ratio' as const),
});

test('overwrite against skip; M = 1, no ratio and no value are left out by name', () => {
  const ratios = [0.5, 0.2, 2, 3, 5, 1, null, 0.1].map(ratio);
  const values = [-4, -3, 1, 2, 4, 100, 100, Number.NaN];
  const { overwrite, skip, F, p, leftOut } = compareGroups(values, ratios, STUDY);
  expect([overwrite.mean, skip.mean]).toEqual([-3.5, 7 / 3]);
  expect({ F, p }).toEqual({ F: anova([-4, -3], [1, 2, 4]).F, p: anova([-4, -3], [1, 2, 4]).p });
  expect(leftOut).toEqual([5, 6, 7]);
  expect(compareGroups(values, ratios, { ...STUDY, rules: 'code' }).skip.n).toBe(4);
});

test('an empty group has no F', () => {
  expect(compareGroups([1, 2], [ratio(0.5), ratio(0.6)], STUDY)).toMatchObject({
    F: null,
    p: null,
    skip: { n: 0 },
  });
});

test('the correlation runs over photographs that excite I, channel by channel', () => {
  // [images, channels]: channel 0 has four positive inputs, channel 1 none, channel 2 a single one
  const I = Float32Array.from([1, -1, 5, 2, -2, 0, 0, -3, -1, 3, 0, -1, 4, -1, -2, -9, -1, -3]);
  const B = Float32Array.from([4, 1, 1, 2, 2, 2, 99, 3, 3, 3, 4, 4, 1, 5, 5, 99, 6, 6]);
  const O = I;
  const curves = curveCorrelations({ activations: { I, B, O }, images: 6 }, 3);
  expect(curves[0]).toEqual({ channel: 0, ...spearman([1, 2, 3, 4], [4, 2, 3, 1]) });
  expect(curves[1]).toEqual({ channel: 1, rho: null, p: null, n: 0, leftOut: 0 });
  expect(curves[2]).toEqual({ channel: 2, rho: null, p: null, n: 1, leftOut: 0 });
});
