// Receptive fields against the published half-widths, and the identity that windows rest on.

import { describe, expect, test } from 'vitest';
import { makeNetwork } from '../../src/model/network.ts';
import {
  centreOf,
  framesOf,
  layoutKey,
  layoutOf,
  paddingBetween,
  readBy,
  sizeOf,
} from '../../src/model/receptiveField.ts';

const network = makeNetwork('resnet18');
const input = (place: string, frame = 224) =>
  layoutOf(network, frame, [{ place, region: 'centre' }]).windows.get('input')!;

describe('the centre unit of a 224 px image sees', () => {
  // half-widths r about pixel 112, as derived independently and checked against PyTorch's gradients
  test.each([
    ['1.0.O', 13],
    ['1.1.B', 21],
    ['1.1.O', 21],
    ['2.0.I', 21],
    ['2.0.B', 33],
    ['2.1.O', 49],
    ['3.0.I', 49],
    ['3.0.O', 73],
    ['3.1.B', 105],
  ])('%s: %i px to either side of pixel 112', (place, r) => {
    expect(input(place)).toEqual({ start: 112 - r, end: 112 + r + 1 });
  });

  test('4.1.O: all of it', () => expect(input('4.1.O')).toEqual({ start: 0, end: 224 }));
});

test('frames are those of torchvision for every input size the transforms produce', () => {
  for (const [n, layer1, layer2] of [
    [224, 56, 28],
    [225, 57, 29],
    [230, 58, 29],
    [236, 59, 30],
  ]) {
    expect(framesOf(network, n).get('1.1.O')).toBe(layer1);
    expect(framesOf(network, n).get('2.0.B')).toBe(layer2);
  }
  const deep = framesOf(network, 224);
  expect(['3.1.O', '4.1.O'].map((place) => deep.get(place))).toEqual([14, 7]);
  expect([56, 28, 14, 7].map((n) => centreOf(n).start)).toEqual([28, 14, 7, 3]);
});

test('up to 3.1 one set of kernels serves every input size; deeper the border is touched', () => {
  const keys = (place: string) =>
    new Set([224, 225, 230, 236].map((n) => layoutKey(layoutOf(network, n, [{ place, region: 'centre' }]))));
  for (const place of ['1.0.O', '1.1.O', '2.0.O', '2.1.O', '3.0.O', '3.1.O'])
    expect(keys(place).size, place).toBe(1);
  expect(keys('4.1.O').size).toBeGreaterThan(1);
});

test('only what is needed is computed', () => {
  expect(layoutOf(network, 224, [{ place: '2.0.I', region: 'centre' }]).windows.has('2.0.B')).toBe(false);
  expect(layoutOf(network, 224, [{ place: '2.0.B', region: 'centre' }]).windows.has('2.0.I')).toBe(false);
  expect(layoutOf(network, 224, [{ place: '1.1.O', region: 'centre' }]).windows.has('2.0.conv1')).toBe(false);
  expect(sizeOf(layoutOf(network, 224, [{ place: '1.1.O', region: 'all' }]).windows.get('input')!)).toBe(224);
});

test('several targets share the union of their windows', () => {
  const both = layoutOf(network, 224, [
    { place: '1.1.O', region: 'centre' },
    { place: '2.1.O', region: 'centre' },
  ]);
  expect(both.windows.get('input')).toEqual(input('2.1.O'));
  expect(sizeOf(both.windows.get('1.1.O')!)).toBeGreaterThan(1);
});

test('the padding between two windows turns exactly the one into the other', () => {
  const filter = { size: 3, stride: 2, pad: 1 };
  for (let start = 0; start < 14; start++)
    for (let end = start + 1; end <= 14; end++) {
      const from = readBy({ start, end }, filter, 28);
      const [before, after] = paddingBetween(from, { start, end }, filter);
      expect(Math.floor((sizeOf(from) + before + after - 3) / 2) + 1).toBe(end - start);
      // zeros are read only at the frame's own border
      expect(before).toBe(start === 0 ? 1 : 0);
      expect(after).toBe(end * 2 - 2 - 1 + 3 > 28 ? 1 : 0);
    }
});
