// Arrays come back bit for bit through JSON, wherever they are.

import { expect, test } from 'vitest';
import { fromJson, toJson } from '../../src/model/arrayJson.ts';

const through = (value: unknown) => fromJson(JSON.parse(JSON.stringify(toJson(value))));

test('arrays of every kind, views, NaN and infinities', () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  const floats = Float32Array.of(0, -0, Number.NaN, Number.POSITIVE_INFINITY, Math.PI, 1e-45);
  const value = {
    bytes,
    part: floats.subarray(2, 5),
    nested: [{ doubles: Float64Array.of(Number.NaN, Math.E), empty: new Float32Array(0) }],
    plain: [1, 'two', null, true],
  };
  expect(through(value)).toEqual(value);
  expect(Object.is((through(floats) as Float32Array)[1], -0)).toBe(true);
});

test('another kind of array is refused', () => {
  expect(() => fromJson({ $array: 'Function', base64: '' })).toThrow('Function');
  expect(() => fromJson({ $array: 'constructor', base64: '' })).toThrow('constructor');
});
