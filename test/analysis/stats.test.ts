import { describe, expect, test } from 'vitest';
import { anova, ranks, spearman, summarize } from '../../src/analysis/stats.ts';
import fixtures from '../fixtures/statistics.json';

/** SciPy's number (null: NaN) to 1e-9 relative. */
function expectClose(actual: number | null, expected: number | string | null) {
  if (expected === null) expect(actual).toBeNull();
  else if (expected === 'Infinity') expect(actual).toBe(Number.POSITIVE_INFINITY);
  else expect(Math.abs(actual! - Number(expected))).toBeLessThanOrEqual(1e-9 * Math.abs(Number(expected)));
}

describe('spearman is SciPy spearmanr', () => {
  test.each(Object.entries(fixtures.spearman))('%s', (_, { x, y, rho, p }) => {
    const ours = spearman(x, y);
    expect(ours).toMatchObject({ n: x.length, leftOut: 0 });
    expectClose(ours.rho, rho);
    // SciPy's rho of a perfect order is an ulp short of 1, which makes its p 1e-24 where the formula says 0
    if (Math.abs(ours.rho ?? 0) === 1 && x.length > 2) expect([ours.p, p! < 1e-20]).toEqual([0, true]);
    else expectClose(ours.p, p);
  });

  test('the fixtures reach p where 1 - cdf would be 0', () => {
    const smallest = Object.values(fixtures.spearman).map(({ p }) => p ?? 1);
    expect(smallest.some((p) => p > 0 && p < 1e-280)).toBe(true);
  });
});

describe('anova is SciPy f_oneway', () => {
  test.each(Object.entries(fixtures.anova))('%s', (_, { groups, F, p }) => {
    const ours = anova(...groups);
    expectClose(ours.F, F);
    expectClose(ours.p, p);
    expect(ours.groups.map(({ n }) => n)).toEqual(groups.map(({ length }) => length));
  });
});

test.each(Object.entries(fixtures.summary))('summarize: %s', (_, sample) => {
  const { mean, deviation, standardError } = summarize(sample.values);
  expectClose(mean, sample.mean);
  expectClose(deviation, sample.deviation);
  expectClose(standardError, sample.standardError);
});

describe('what cannot be used is counted, and what is not defined is null', () => {
  test('pairs with one side missing', () => {
    const whole = spearman([1, 2, 3, 4], [2, 1, 4, 3]);
    const holed = spearman([1, Number.NaN, 2, 3, 4, 9], [2, 7, 1, 4, 3, Number.POSITIVE_INFINITY]);
    expect(holed).toEqual({ ...whole, leftOut: 2 });
  });

  test('values missing from a mean or a group', () => {
    expect(summarize([1, Number.NaN, 3])).toMatchObject({ mean: 2, n: 2, leftOut: 1 });
    expect(anova([1, 2, Number.NaN], [5, 6])).toMatchObject({
      ...anova([1, 2], [5, 6]),
      groups: [{ leftOut: 1 }, {}],
    });
  });

  test('nothing left', () => {
    expect(summarize([Number.NaN])).toEqual({
      mean: null,
      deviation: null,
      standardError: null,
      n: 0,
      leftOut: 1,
    });
    expect(spearman([], [])).toMatchObject({ rho: null, p: null });
    expect(anova([1, 2], [Number.NaN])).toMatchObject({ F: null, p: null });
    expect(anova([1, 2])).toMatchObject({ F: null, p: null });
  });

  test('one value has a mean and no spread', () => {
    expect(summarize([4])).toEqual({ mean: 4, deviation: null, standardError: null, n: 1, leftOut: 0 });
  });
});

test('a rank of NaN and pairs of unequal length are bugs', () => {
  expect(() => ranks([1, Number.NaN])).toThrow('value 1 is NaN');
  expect(() => spearman([1], [1, 2])).toThrow('expected pairs');
});

test('ties share the average of their ranks', () => {
  expect([...ranks([10, 20, 10, 5, 20, 20])]).toEqual([2.5, 5, 2.5, 1, 5, 5]);
});
