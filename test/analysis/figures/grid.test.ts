import { expect, test } from 'vitest';
import { exemplarGrid, montage } from '../../../src/analysis/figures/grid.ts';
import type { Pixels } from '../../../src/model/preprocess.ts';

const plain = (value: number, size = 24): Pixels => ({
  height: size,
  width: size,
  data: new Uint8Array(3 * size * size).fill(value),
});
const at = ({ width, data }: Pixels, y: number, x: number) => data[3 * (y * width + x)];

test('three columns and three rows of equal cells, 8 pixels apart', () => {
  const role = (value: number) => ({ I: plain(value), B: plain(value + 1), O: plain(value + 2) });
  const photographs = {
    I: Array(9).fill(plain(30)),
    B: Array(9).fill(plain(31)),
    O: Array(9).fill(plain(32)),
  };
  const { pixels, rows } = exemplarGrid({ center: role(10), channel: role(20), photographs }, 24);
  expect(rows).toEqual(['centre unit', 'whole channel', 'photographs']);
  expect([pixels.height, pixels.width]).toEqual([8 + 3 * 32, 8 + 3 * 32]);
  // the middle of every cell but the photographs', whose sheet has white lines
  const middles = [0, 1].map((row) =>
    [0, 1, 2].map((column) => at(pixels, 8 + row * 32 + 12, 8 + column * 32 + 12)),
  );
  expect(middles).toEqual([
    [10, 11, 12],
    [20, 21, 22],
  ]);
  expect(at(pixels, 8 + 64 + 12, 8 + 32 + 12)).toBe(31);
  // corners of the first cell and the padding around it
  expect([at(pixels, 8, 8), at(pixels, 31, 31), at(pixels, 7, 8), at(pixels, 32, 8)]).toEqual([
    10, 10, 255, 255,
  ]);
});

test('rows without a picture are left out, missing cells hatched', () => {
  const { pixels, rows } = exemplarGrid(
    { center: { I: plain(0), O: plain(0) }, channel: {}, photographs: {} },
    24,
  );
  expect(rows).toEqual(['centre unit']);
  expect(pixels.height).toBe(8 + 32);
  const hatched = new Set([0, 1, 2, 3, 4].map((x) => at(pixels, 20, 8 + 32 + 4 * x)));
  expect([...hatched].every((value) => value > 200 && value < 255)).toBe(true);
  expect(hatched.size).toBeGreaterThan(1);
});

test('photographs of different channels share one layout, whatever their number', () => {
  const { pixels } = exemplarGrid(
    { center: {}, channel: {}, photographs: { I: [plain(9)], B: Array(9).fill(plain(9)) } },
    24,
  );
  expect([pixels.height, pixels.width]).toEqual([40, 104]);
  // one photograph keeps its third of the cell
  expect([at(pixels, 8 + 4, 8 + 4), at(pixels, 8 + 12, 8 + 12), at(pixels, 8 + 20, 8 + 4)]).toEqual([
    9, 255, 255,
  ]);
});

test('nothing to show and unequal pictures are bugs', () => {
  expect(() => exemplarGrid({ center: {}, channel: {}, photographs: {} })).toThrow('no picture');
  expect(() => montage([plain(0), plain(0, 12)], 2, 2)).toThrow('differ in size');
});
