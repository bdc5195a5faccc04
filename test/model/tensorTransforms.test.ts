// S, S^-1, flip and the zooms of tuning curves against torchvision's on a tensor that a formula gives.

import { describe, expect, test } from 'vitest';
import {
  flip,
  identity,
  magnify,
  shrink,
  type TensorTransform,
  TUNING_SCALES,
  transformTensor,
  zoom,
} from '../../src/model/tensorTransforms.ts';
import fixture from '../fixtures/preprocess.json' with { type: 'json' };
import { tensorValues } from '../support/pictures.ts';

const n = fixture.size;
const image = tensorValues(3 * n * n);

const transforms: Record<string, TensorTransform> = {
  magnify: magnify(n),
  shrink: shrink(n),
  flip: flip(n),
  ...Object.fromEntries(TUNING_SCALES.map((scale) => [`zoom ${scale}`, zoom(n, scale)])),
};

test('every transform of the fixture is tested', () => {
  expect(Object.keys(fixture.tensors)).toEqual(Object.keys(transforms));
});

test.each(Object.entries(fixture.tensors))('%s has torchvision’s values', (name, expected) => {
  const values = transformTensor(image, n, transforms[name]);
  expect(values).toHaveLength(3 * n * n);
  const kept = values.filter((_, i) => i % 97 === 0);
  // values are below 2 and are summed in float32 there, four products at most: half an ulp of 2 each
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - kept[i])));
  expect(worst).toBeLessThanOrEqual(4 * 2 ** -23);
});

describe('properties', () => {
  test('a window is a part of the whole', () => {
    for (const transform of Object.values(transforms)) {
      const whole = transformTensor(image, n, transform);
      const part = transformTensor(image, n, transform, { start: 20, end: 31 });
      const expected = whole.filter((_, i) => {
        const [y, x] = [Math.floor(i / n) % n, i % n];
        return y >= 20 && y < 31 && x >= 20 && x < 31;
      });
      expect(part).toEqual(expected);
    }
  });

  test('weights sum to 1, so that normalising before or after is the same', () => {
    for (const { rows, columns } of Object.values(transforms))
      for (const samples of [...rows, ...columns])
        expect(samples.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
  });

  test('flip is its own inverse, and the identity changes nothing', () => {
    const flipped = transformTensor(image, n, flip(n));
    expect(transformTensor(flipped, n, flip(n))).toEqual(image);
    expect(flipped[0]).toBe(image[n - 1]);
    expect(transformTensor(image, n, identity(n))).toEqual(image);
  });

  test('shrinking a magnified image gives back its middle', () => {
    const flat = new Float32Array(3 * n * n).map((_, i) => i % n); // a ramp from left to right
    const back = transformTensor(transformTensor(flat, n, magnify(n)), n, shrink(n));
    const middle = back.slice((n / 2) * n + n / 2 - 4, (n / 2) * n + n / 2 + 4);
    expect([...middle]).toEqual([24, 25, 26, 27, 28, 29, 30, 31]);
  });
});
