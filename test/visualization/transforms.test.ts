// Windows through the whole chain of transforms, in float64: what the network's window gets is, to rounding, what
// it would get if every stage were computed whole. And the draws: uniform, one-sided, a function of their names.

import { describe, expect, test } from 'vitest';
import { normals, PURPOSE } from '../../src/engine/random.ts';
import { pad, warp } from '../../src/kernels/imageReference.ts';
import type { Array64 } from '../../src/kernels/reference.ts';
import {
  ANGLES,
  type Draw,
  drawTransforms,
  networkFrame,
  networkFrames,
  placeTransforms,
  planTransforms,
  roundHalfToEven,
  SCALES,
  scaledFrame,
  type TransformSettings,
} from '../../src/visualization/transforms.ts';

const SIZE = 96;
const image: Array64 = {
  shape: [1, 1, SIZE, SIZE],
  data: Float64Array.from(normals({ seed: 1, stream: 1, purpose: PURPOSE.test }, SIZE * SIZE)),
};

const crop = (x: Array64, [top, left]: readonly number[], rows: number): Array64 => ({
  shape: [1, 1, rows, rows],
  data: Float64Array.from(
    { length: rows * rows },
    (_, i) => x.data[(top + Math.floor(i / rows)) * x.shape[3] + left + (i % rows)],
  ),
});

/** The chain on a window of the network's input. */
function apply(settings: TransformSettings, draw: Draw, start: number, rows: number): Array64 {
  const plan = planTransforms(settings, SIZE, rows);
  const { origin, pad: placement, maps } = placeTransforms(plan, draw, start);
  return plan.stages.reduce(
    (x, { kind, rows: size }) => {
      if (kind !== 'pad') return warp(x, [size, size], maps[kind]!);
      const [sourceY, sourceX, y, x0] = placement;
      return pad(x, {
        frame: [SIZE, SIZE],
        source: [sourceY, sourceX],
        target: { origin: [y, x0], size: [size, size] },
      });
    },
    crop(image, origin, plan.rows),
  );
}

const draws: Draw[] = [
  { first: [0, 0], scale: 1, angle: 0, second: [0, 0] },
  { first: [3, 1], scale: 0.95, angle: -5, second: [1, 0] },
  { first: [1, 3], scale: 1.05, angle: 5, second: [0, 1] },
  { first: [2, 2], scale: 0.975, angle: 3, second: [1, 1] },
  { first: [0, 3], scale: 1.025, angle: -2, second: [0, 0] },
];

describe.each([0, 4, 16])('jitter %i', (jitter) => {
  const settings = { jitter, scales: SCALES, angles: ANGLES };
  test.each(draws)('a window gets what the whole frame has: %o', (draw) => {
    const frame = networkFrame(settings, SIZE, draw);
    const whole = apply(settings, draw, 0, frame);
    for (const [start, rows] of [
      [35, 27],
      [20, 43],
      [0, 30],
      [frame - 31, 31],
      [2, frame - 5],
    ]) {
      const window = apply(settings, draw, start, rows);
      const expected = crop(whole, [start, start], rows);
      const worst = Math.max(...window.data.map((v, i) => Math.abs(v - expected.data[i])));
      expect(worst, `rows ${start} to ${start + rows}`).toBeLessThan(1e-10);
    }
  });
});

test('the first draw leaves the image as it is', () => {
  const settings = { jitter: 16, scales: SCALES, angles: ANGLES };
  const same = apply(settings, draws[0], 0, SIZE);
  expect(Math.max(...same.data.map((v, i) => Math.abs(v - image.data[i])))).toBeLessThan(1e-12);
});

test('frames are those of the study', () => {
  // scale -> rows after ceil and padding: 224 without jitter, 232 and 256 with
  const frames = (n: number) => [0.95, 0.975, 1, 1.025, 1.05].map((scale) => scaledFrame(n, scale).frame);
  expect(frames(224)).toEqual([225, 225, 224, 230, 236]);
  expect(frames(232)).toEqual([233, 233, 232, 238, 244]);
  expect(frames(256)).toEqual([256, 256, 256, 263, 269]);
  expect(networkFrames({ jitter: 0, scales: SCALES, angles: ANGLES }, 224)).toEqual([224, 225, 230, 236]);
  expect(networkFrames({ jitter: 4, scales: SCALES, angles: ANGLES }, 224)).toEqual([224]);
  // where the crop to 224 begins, with Python's rounding of halves to even
  expect([233, 232, 238, 244, 263, 269].map((n) => roundHalfToEven((n - 224) / 2))).toEqual([
    4, 4, 7, 10, 20, 22,
  ]);
});

describe('draws', () => {
  const settings = { jitter: 16, scales: SCALES, angles: ANGLES };
  const many = Array.from({ length: 4000 }, (_, step) => drawTransforms(settings, 5, 77, step));
  const counts = (values: number[]) => {
    const seen = new Map<number, number>();
    for (const value of values) seen.set(value, (seen.get(value) ?? 0) + 1);
    return seen;
  };

  test.each([
    ['scale', many.map(({ scale }) => scale), SCALES],
    ['angle', many.map(({ angle }) => angle), ANGLES],
    ['first dx', many.map(({ first }) => first[0]), [...Array(16).keys()]],
    ['first dy', many.map(({ first }) => first[1]), [...Array(16).keys()]],
    ['second dx', many.map(({ second }) => second[0]), [...Array(8).keys()]],
    ['second dy', many.map(({ second }) => second[1]), [...Array(8).keys()]],
  ] as const)('%s is uniform over its values', (_, values, expected) => {
    const seen = counts([...values]);
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([...expected].sort((a, b) => a - b));
    const mean = values.length / expected.length;
    // five standard deviations of a binomial count
    for (const count of seen.values()) expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean));
  });

  test('depend on seed, stream and step, and on nothing else', () => {
    expect(drawTransforms(settings, 5, 77, 123)).toEqual(many[123]);
    const sequence = (seed: number, stream: number) =>
      JSON.stringify([...Array(8).keys()].map((step) => drawTransforms(settings, seed, stream, step)));
    expect(new Set([sequence(5, 77), sequence(6, 77), sequence(5, 78)]).size).toBe(3);
  });
});
