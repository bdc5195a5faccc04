// Photographs prepared bit for bit as torchvision does: hashes of its results on pictures that a formula gives.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  centreCrop,
  normalizePixels,
  prepare,
  resizedShape,
  resizePixels,
  roundHalfToEven,
  scaledCrop,
} from '../../src/model/preprocess.ts';
import fixture from '../fixtures/preprocess.json' with { type: 'json' };
import { picture } from '../support/pictures.ts';

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

describe.each(fixture.pictures)('a picture of $height x $width', ({ height, width, prepared }) => {
  test.each(Object.entries(prepared))('at scale %s has torchvision’s bytes', (scale, hash) => {
    const result = prepare(picture(height, width), Number(scale));
    expect([result.height, result.width]).toEqual([224, 224]);
    expect(sha256(result.data)).toBe(hash);
  });
});

test('a window of a resized picture is a part of the whole', () => {
  const source = picture(61, 47);
  const whole = resizePixels(source, 30, 90);
  const part = resizePixels(source, 30, 90, { start: 7, end: 12 }, { start: 80, end: 90 });
  const expected = [...Array(5).keys()].flatMap((y) => [
    ...whole.data.subarray(((7 + y) * 90 + 80) * 3, (7 + y + 1) * 90 * 3),
  ]);
  expect([...part.data]).toEqual(expected);
});

test('a picture of one colour stays so at every size', () => {
  const flat = { height: 9, width: 7, data: new Uint8Array(9 * 7 * 3).fill(201) };
  for (const [height, width] of [
    [3, 2],
    [9, 7],
    [50, 61],
  ])
    expect(new Set(resizePixels(flat, height, width).data)).toEqual(new Set([201]));
});

test('crops round half to even, as Python does', () => {
  expect([0.5, 1.5, 2.5, 4.5, 19.5, 2.4, 2.6].map(roundHalfToEven)).toEqual([0, 2, 2, 4, 20, 2, 3]);
  expect(centreCrop(233, 224)).toEqual({ start: 4, end: 228 });
  expect(centreCrop(263, 224)).toEqual({ start: 20, end: 244 });
  expect(() => centreCrop(100, 101)).toThrow(/not a crop/);
});

test('crops of the study’s scales', () => {
  expect([1.1, 1.2, 1.3, 1.4, 1.5].map((scale) => scaledCrop(scale))).toEqual([201, 179, 156, 134, 112]);
  expect(() => prepare(picture(4, 4), 0.9)).toThrow(/Scale 0.9/);
  expect(() => prepare(picture(4, 4), 2)).toThrow(/Scale 2/);
});

test('the shorter side gets the length, the other is cut to a whole number', () => {
  expect(resizedShape(375, 500, 256)).toEqual([256, 341]);
  expect(resizedShape(500, 375, 256)).toEqual([341, 256]);
  expect(resizedShape(100, 100, 256)).toEqual([256, 256]);
});

test('normalisation rounds to float32 after every operation', () => {
  const { fround } = Math;
  const input = normalizePixels({ height: 1, width: 2, data: Uint8Array.of(0, 128, 255, 7, 8, 9) });
  expect(input).toHaveLength(6);
  expect(input[0]).toBe(fround(-fround(0.485) / fround(0.229)));
  expect(input[3]).toBe(fround(fround(fround(8 / 255) - fround(0.456)) / fround(0.224)));
  expect(input[4]).toBe(fround(fround(1 - fround(0.406)) / fround(0.225)));
});
