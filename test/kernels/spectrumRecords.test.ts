// The layout in which SIMD kernels keep a spectrum: every value has a place of its own, and records hold what their
// description says.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frequencyScale, spectrumColumnCount } from '../../src/kernels/imageReference.ts';
import { elements } from '../../src/kernels/op.ts';
import {
  radixOf,
  recordsOf,
  recordsShape,
  scaleTexels,
  spectraOf,
} from '../../src/kernels/spectrumRecords.ts';

const sizes = fc.record({
  planes: fc.integer({ min: 1, max: 4 }),
  H: fc.integer({ min: 1, max: 30 }),
  F: fc.integer({ min: 1, max: 9 }),
});

test('there and back again', () => {
  fc.assert(
    fc.property(sizes, ({ planes, H, F }) => {
      const spectra = Float32Array.from({ length: planes * H * F * 2 }, (_, i) => i + 1);
      const records = recordsOf(spectra, H, F);
      expect(records.length).toBe(elements(recordsShape([planes, 1, H, F])));
      expect(spectraOf(records, H, F)).toEqual(spectra);
      // nothing but the values and zeros
      expect(records.filter((value) => value !== 0).length).toBe(spectra.length);
    }),
  );
});

test.each([224, 20, 6, 5, 1])('a record of %i rows has both halves of a pair', (H) => {
  const [F, planes] = [3, 2];
  const { R, G, PAIRS } = radixOf(H);
  const spectra = Float64Array.from({ length: planes * H * F * 2 }, (_, i) => i + 1);
  const records = recordsOf(spectra, H, F);
  const value = (plane: number, y: number, fx: number, part: number) =>
    spectra[2 * ((plane * H + y) * F + fx) + part];
  for (let plane = 0; plane < planes; plane++)
    for (let g = 0; g < PAIRS; g++)
      for (let fx = 0; fx < F; fx++) {
        const partner = (G - g) % G;
        const rows = Array.from({ length: R }, (_, j) => G * j);
        const half = (first: number) =>
          rows.flatMap((y) => [0, 1].map((i) => value(plane, first + y, fx, i)));
        const at = 4 * R * ((plane * PAIRS + g) * F + fx);
        const second = partner === g ? new Array<number>(2 * R).fill(0) : half(partner);
        expect([...records.subarray(at, at + 4 * R)]).toEqual([...half(g), ...second]);
      }
});

test.each([224, 20, 6])('texels of the scale of %i rows serve both halves', (H) => {
  const F = spectrumColumnCount(H);
  const { R, G, PAIRS } = radixOf(H);
  const { data: scale } = frequencyScale(H, H);
  const { shape, data } = scaleTexels(scale, H, F);
  expect(shape).toEqual([PAIRS, F, 4]);
  for (let g = 0; g < PAIRS; g++)
    for (let j = 0; j < R; j++) {
      const at = (fx: number) => data[4 * (g * F + fx) + j];
      for (let fx = 0; fx < F; fx++) {
        expect(at(fx)).toBe(Math.fround(scale[(g + G * j) * F + fx]));
        // value j of the second half has the scale of R - 1 - j
        const opposite = ((G - g) % G) + G * (R - 1 - j);
        if ((G - g) % G !== g) expect(at(fx)).toBeCloseTo(scale[opposite * F + fx], 4);
      }
    }
});
