// How far and whither: the study's pixels by tap, and the sums of the two translations in both modes.

import { describe, expect, test } from 'vitest';
import { makeNetwork } from '../../src/model/network.ts';
import { findTap } from '../../src/model/taps.ts';
import { type JitterRange, jitterRanges, studyJitter } from '../../src/visualization/jitter.ts';

test('pixels by tap are those of the study, and agree for two names of one place', () => {
  const network = makeNetwork('resnet18');
  const of = (name: string) => studyJitter(findTap(network, name));
  expect(['1.0.I', '1.1.I', '1.1.B', '1.1.O', '2.0.I', '2.0.B', '2.0.O', '2.1.I'].map(of)).toEqual(
    Array(8).fill(0),
  );
  expect(['2.1.B', '2.1.O', '3.0.I', '3.0.B', '3.0.O', '3.1.I'].map(of)).toEqual(Array(6).fill(4));
  expect(['3.1.B', '3.1.O', '4.0.I', '4.0.B', '4.1.I', '4.1.B', '4.1.O'].map(of)).toEqual(Array(7).fill(16));
});

const values = ({ least, count }: JitterRange) => Array.from({ length: count }, (_, i) => least + i);
/** Every sum of a first and a second translation, in order. */
const sums = (jitter: number, mode: 'faithful' | 'centered') => {
  const { first, second } = jitterRanges(jitter, mode);
  return values(first)
    .flatMap((a) => values(second).map((b) => a + b))
    .sort((a, b) => a - b);
};

describe.each([4, 5, 6, 7, 8, 16, 17])('jitter %i', (jitter) => {
  test('faithful draws from 0 up', () => {
    const { first, second } = jitterRanges(jitter, 'faithful');
    expect(values(first)).toEqual([...Array(jitter).keys()]);
    expect(values(second)).toEqual([...Array(Math.floor(jitter / 2)).keys()]);
  });

  test('centered has as many draws, and sums symmetric about 0', () => {
    const all = sums(jitter, 'centered');
    expect(all).toHaveLength(sums(jitter, 'faithful').length);
    expect(all.map((sum) => 0 - sum).reverse()).toEqual(all);
  });
});

test("the study's pixels: the mean shift, and whole numbers in both modes", () => {
  const mean = (all: number[]) => all.reduce((a, b) => a + b, 0) / all.length;
  expect([4, 16].map((jitter) => mean(sums(jitter, 'faithful')))).toEqual([2, 11]);
  expect([4, 16].map((jitter) => mean(sums(jitter, 'centered')))).toEqual([0, 0]);
  expect(jitterRanges(4, 'centered')).toEqual({
    first: { least: -2, count: 4 },
    second: { least: 0, count: 2 },
  });
  expect(jitterRanges(16, 'centered')).toEqual({
    first: { least: -8, count: 16 },
    second: { least: -3, count: 8 },
  });
});

test.each([0, 1, 2, 3])('jitter %i, which is none, has ranges that can be drawn from', (jitter) => {
  for (const mode of ['faithful', 'centered'] as const) {
    const { first, second } = jitterRanges(jitter, mode);
    for (const { least } of [first, second]) expect(Number.isFinite(least)).toBe(true);
  }
});
