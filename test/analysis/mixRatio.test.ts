import { describe, expect, test } from 'vitest';
import { clamped, groupOf, histogram, mixRatio, mixRatios, topMixes } from '../../src/analysis/mixRatio.ts';
import { STUDY } from '../../src/analysis/readings.ts';
import fixtures from '../fixtures/statistics.json';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

const CODE = { ...STUDY, rules: 'code' as const };
const of = (value: number | null) => ({
  value,
  case: value === null ? ('silent' as const) : ('ratio' as const),
});

describe('one channel', () => {
  // O(X_I), O(X_B), B(X_B), then what the text and the code make of it
  test.each([
    ['a ratio', 6, 4, 3, { value: 1.5, case: 'ratio' }, { value: 1.5, case: 'ratio' }],
    ['not clamped', 60, 4, 3, { value: 15, case: 'ratio' }, { value: 15, case: 'ratio' }],
    ['output silent on I', -1, 4, 3, { value: 0, case: 'overwrite' }, { value: 0, case: 'overwrite' }],
    ['output silent on B', 3, -2, 3, { value: 5, case: 'skip' }, { value: 10, case: 'skip' }],
    ['output 0 on B', 3, 0, 3, { value: 5, case: 'skip' }, { value: 10, case: 'skip' }],
    ['block negative, output not', 3, 2, -1, { value: 5, case: 'skip' }, { value: 1.5, case: 'ratio' }],
    ['both silent', -1, -1, 3, { value: null, case: 'silent' }, { value: null, case: 'silent' }],
    ['both 0', 0, 0, 3, { value: null, case: 'silent' }, { value: 10, case: 'skip' }],
    ['0 on I, negative on B', 0, -1, 3, { value: null, case: 'silent' }, { value: 10, case: 'skip' }],
    ['no image', Number.NaN, 2, 3, { value: null, case: 'missing' }, { value: null, case: 'missing' }],
  ])('%s', (_, onInput, onBlock, block, text, code) => {
    expect(mixRatio(onInput, onBlock, block, STUDY)).toEqual(text);
    expect(mixRatio(onInput, onBlock, block, CODE)).toEqual(code);
  });
});

test('the mean over images is taken before the ratio, missing images left out', () => {
  const stimulus = syntheticMeasurements({ channels: 2, photographs: 4 }).natural!;
  const set = (values: number[]) => Float64Array.from(values);
  stimulus.imagesPerChannel = 2;
  stimulus.responses.O = { I: set([2, 4, 1, Number.NaN]), B: set([1, 5, 4, 4]) };
  stimulus.responses.B = { B: set([1, 1, 1, 1]) };
  expect(mixRatios(stimulus, STUDY)!.map(({ value }) => value)).toEqual([1, 0.25]);
});

test('without the responses there are no ratios', () => {
  const [stimulus] = syntheticMeasurements({ channels: 2 }).seeds;
  delete stimulus.responses.O.B;
  expect(mixRatios(stimulus, STUDY)).toBeUndefined();
});

test('histogram is numpy.histogram, and NaN is in no bin', () => {
  const { values, counts } = fixtures.histogram;
  expect(histogram(values, 5)).toEqual(counts);
  expect(histogram([...values, Number.NaN], 5)).toEqual(counts);
});

test('clamped: at most the clamp, NaN where there is no ratio', () => {
  expect([...clamped([of(0.5), of(7), of(null)], STUDY)]).toEqual([0.5, 5, Number.NaN]);
});

test('top mixes are closest to 1 from either side; equal distances by channel', () => {
  expect(topMixes([of(2), of(0.9), of(null), of(1.05), of(0), of(1.5), of(0.5)], 4)).toEqual([3, 1, 5, 6]);
});

test('M = 1 is skip for the code, in no group for the text', () => {
  expect([of(0.99), of(1), of(1.01), of(null)].map((ratio) => groupOf(ratio, STUDY))).toEqual([
    'overwrite',
    undefined,
    'skip',
    undefined,
  ]);
  expect(groupOf(of(1), CODE)).toBe('skip');
});
