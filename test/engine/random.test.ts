// Philox against the known answers of the Random123 distribution (tests/kat_vectors, philox4x32 with 10 rounds),
// and the statistics of what is made from it. Statistical bounds are five standard errors; seeds are fixed.

import { describe, expect, test } from 'vitest';
import { draws, normals, PURPOSE, philox, type RandomSource, streamOf } from '../../src/engine/random.ts';

const source: RandomSource = { seed: 7, stream: streamOf('1.1.B:19'), purpose: PURPOSE.test };

describe('philox4x32-10', () => {
  const ones = 0xffffffff;
  test.each([
    { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
    {
      counter: [ones, ones, ones, ones],
      key: [ones, ones],
      words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ])('known answer for counter $counter', ({ counter, key, words }) => {
    expect(philox(counter, key)).toEqual(words);
  });

  test('every word of counter and key matters', () => {
    const results = new Set([philox([0, 0, 0, 0], [0, 0]).join()]);
    for (let i = 0; i < 6; i++) {
      const words = [0, 0, 0, 0, 0, 0];
      words[i] = 1;
      results.add(philox(words.slice(0, 4), words.slice(4)).join());
    }
    expect(results.size).toBe(7);
  });
});

test('streamOf is 32-bit FNV-1a of the UTF-8 name', () => {
  expect(['', 'a', 'foobar'].map(streamOf)).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

describe('normals', () => {
  const count = 100_000;
  const sample = normals(source, count);
  const mean = (f: (value: number, i: number) => number) =>
    sample.reduce((sum, v, i) => sum + f(v, i), 0) / count;
  const within = (value: number, expected: number, variance: number) =>
    expect(Math.abs(value - expected)).toBeLessThan(5 * Math.sqrt(variance / count));

  test('have the first four moments of a normal distribution', () => {
    within(
      mean((v) => v),
      0,
      1,
    );
    within(
      mean((v) => v ** 2),
      1,
      2,
    );
    within(
      mean((v) => v ** 3),
      0,
      15,
    );
    within(
      mean((v) => v ** 4),
      3,
      96,
    );
  });

  test('have the tails of a normal distribution', () => {
    for (const [bound, share] of [
      [1, 0.317311],
      [2, 0.0455],
      [3, 0.0027],
    ])
      within(
        mean((v) => (Math.abs(v) > bound ? 1 : 0)),
        share,
        share * (1 - share),
      );
  });

  test('are independent of their neighbours, of other streams, seeds and purposes', () => {
    for (const lag of [1, 2, 3, 4])
      within(
        mean((v, i) => v * sample[(i + lag) % count]),
        0,
        1,
      );
    for (const lag of [1, 2])
      within(
        mean((v, i) => (v ** 2 - 1) * (sample[(i + lag) % count] ** 2 - 1)),
        0,
        4,
      );
    const others = [
      { seed: 8 },
      { seed: 7 + 2 ** 32 },
      { stream: source.stream + 1 },
      { purpose: PURPOSE.spectrum },
    ];
    for (const change of others) {
      const other = normals({ ...source, ...change }, count);
      within(
        mean((v, i) => v * other[i]),
        0,
        1,
      );
    }
  });

  test('scale with the deviation, and a shorter request is a prefix of a longer one', () => {
    const scaled = normals(source, 5, 0.01);
    scaled.forEach((value, i) => {
      expect(value).toBeCloseTo(0.01 * sample[i], 8);
    });
    for (const n of [0, 1, 2, 3, 5, 7]) expect(normals(source, n)).toEqual(sample.slice(0, n));
    expect(sample.every(Number.isFinite)).toBe(true);
  });
});

describe('draws', () => {
  test('are uniform on 0..size-1 in every position', () => {
    const [count, sizes] = [20_000, [17, 9, 5, 2]];
    const seen = sizes.map((size) => new Array<number>(size).fill(0));
    for (let step = 0; step < count; step++)
      for (const [i, value] of draws(source, step, sizes).entries()) seen[i][value]++;
    for (const [i, size] of sizes.entries()) {
      expect(seen[i].length).toBe(size);
      const chiSquare = seen[i].reduce((sum, n) => sum + (n - count / size) ** 2 / (count / size), 0);
      expect(chiSquare).toBeLessThan(size - 1 + 5 * Math.sqrt(2 * (size - 1))); // mean and deviation of chi square
    }
  });

  test('depend on the step and the source, and on nothing else', () => {
    const sizes = [2 ** 20, 2 ** 20];
    expect(draws(source, 3, sizes)).toEqual(draws({ ...source }, 3, sizes));
    const results = [
      draws(source, 3, sizes),
      draws(source, 4, sizes),
      draws(source, 3 + 2 ** 32, sizes),
      draws({ ...source, seed: 8 }, 3, sizes),
      draws({ ...source, stream: 1 }, 3, sizes),
      draws({ ...source, purpose: PURPOSE.transforms }, 3, sizes),
    ];
    expect(new Set(results.map(String)).size).toBe(results.length);
    expect(draws(source, 3, sizes.slice(1))).toEqual(draws(source, 3, sizes).slice(0, 1));
  });

  test('never reach the size', () => {
    for (let step = 0; step < 1000; step++) expect(draws(source, step, [1, 1, 1, 1])).toEqual([0, 0, 0, 0]);
  });
});
