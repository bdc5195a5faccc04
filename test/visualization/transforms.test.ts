// Windows through the whole chain of transforms, in float64: what the network's window gets is, to rounding, what
// it would get if every stage were computed whole. And the draws: uniform, in both modes of jitter, a function of
// their names.

import { describe, expect, test } from 'vitest';
import { normals, PURPOSE } from '../../src/engine/random.ts';
import { pad, warp } from '../../src/kernels/imageReference.ts';
import type { Array64 } from '../../src/kernels/reference.ts';
import { roundHalfToEven } from '../../src/model/preprocess.ts';
import type { JitterMode } from '../../src/visualization/jitter.ts';
import {
  ANGLES,
  type Draw,
  drawTransforms,
  networkFrame,
  networkFrames,
  placeTransforms,
  planTransforms,
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
  // what centered jitter draws beside: the ends of its range, and half pixels
  { first: [-8, 7], scale: 0.95, angle: 5, second: [-3, 4] },
  { first: [-8, -8], scale: 1.05, angle: -5, second: [-3, -3] },
  { first: [-2, 1], scale: 1, angle: 4, second: [-0.5, 1.5] },
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

test('a translation moves to the right and down, a negative one to the left and up', () => {
  const settings = { jitter: 16, scales: SCALES, angles: ANGLES };
  const move = (first: Draw['first'], second: Draw['second']) =>
    apply(settings, { first, second, scale: 1, angle: 0 }, 0, SIZE);
  // by d * n / (n - 1) pixels of the padded frame, bilinear; the reflected border comes in from the other side
  const frame = SIZE + 32;
  const step = frame / (frame - 1);
  const expected = (y: number, x: number, dx: number, dy: number) => {
    const value = (row: number, column: number) => {
      const mirror = (i: number) => (i < 0 ? -i : i >= SIZE ? 2 * SIZE - 2 - i : i);
      return image.data[mirror(row) * SIZE + mirror(column)];
    };
    const [row, column] = [y - dy * step, x - dx * step];
    const [top, left] = [Math.floor(row), Math.floor(column)];
    const [s, t] = [row - top, column - left];
    const upper = (1 - t) * value(top, left) + t * value(top, left + 1);
    return (1 - s) * upper + s * ((1 - t) * value(top + 1, left) + t * value(top + 1, left + 1));
  };
  for (const [dx, dy] of [
    [5, 2],
    [-8, -3],
    [-7, 4],
  ]) {
    for (const moved of [move([dx, dy], [0, 0]), move([0, 0], [dx, dy])]) {
      const worst = Math.max(
        ...moved.data.map((v, i) => Math.abs(v - expected(Math.floor(i / SIZE), i % SIZE, dx, dy))),
      );
      expect(worst, `${dx} ${dy}`).toBeLessThan(1e-10);
    }
  }
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
  const drawMany = (jitterMode?: JitterMode) =>
    Array.from({ length: 4000 }, (_, step) => drawTransforms({ ...settings, jitterMode }, 5, 77, step));
  const many = drawMany();
  const centered = drawMany('centered');
  const range = (least: number, count: number) => Array.from({ length: count }, (_, i) => least + i);
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
    ['centered first dx', centered.map(({ first }) => first[0]), range(-8, 16)],
    ['centered first dy', centered.map(({ first }) => first[1]), range(-8, 16)],
    ['centered second dx', centered.map(({ second }) => second[0]), range(-3, 8)],
    ['centered second dy', centered.map(({ second }) => second[1]), range(-3, 8)],
  ] as const)('%s is uniform over its values', (_, values, expected) => {
    const seen = counts([...values]);
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([...expected].sort((a, b) => a - b));
    const mean = values.length / expected.length;
    // five standard deviations of a binomial count
    for (const count of seen.values()) expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean));
  });

  test('centered and faithful differ by one shift and nothing else', () => {
    expect(drawMany('faithful')).toEqual(many);
    expect(
      centered.map(({ first, second, ...rest }) => ({
        first: first.map((d) => d + 8),
        ...rest,
        second: second.map((d) => d + 3),
      })),
    ).toEqual(many);
  });

  test('depend on seed, stream and step, and on nothing else', () => {
    expect(drawTransforms(settings, 5, 77, 123)).toEqual(many[123]);
    const sequence = (seed: number, stream: number) =>
      JSON.stringify([...Array(8).keys()].map((step) => drawTransforms(settings, seed, stream, step)));
    expect(new Set([sequence(5, 77), sequence(6, 77), sequence(5, 78)]).size).toBe(3);
  });
});
