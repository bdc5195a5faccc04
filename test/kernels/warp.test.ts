// How many outputs of a resampling can see a pixel: counted, against what the packed kernel takes to be the most.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { candidatesOf, SLACK } from '../../src/kernels/warp.ts';
import { jitterRanges } from '../../src/visualization/jitter.ts';
import {
  ANGLES,
  candidatesFor,
  localMap,
  rotation,
  SCALES,
  scaling,
  translation,
} from '../../src/visualization/transforms.ts';

const maps = fc
  .record({
    scale: fc.double({ min: 0.2, max: 4, noNaN: true }),
    stretch: fc.double({ min: 0.5, max: 2, noNaN: true }),
    angle: fc.double({ min: 0, max: 2 * Math.PI, noNaN: true }),
    x0: fc.double({ min: -2, max: 2, noNaN: true }),
    y0: fc.double({ min: -2, max: 2, noNaN: true }),
  })
  .map(({ scale, stretch, angle, x0, y0 }) => {
    const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
    return { xx: cos, xy: -sin * stretch, x0, yx: sin, yy: cos * stretch, y0 };
  });

test('candidatesOf is at least the rows and columns of outputs whose sources include a pixel', () => {
  let most = 0;
  fc.assert(
    fc.property(maps, (map) => {
      const { xx, xy, x0, yx, yy, y0 } = map;
      const seen: [number, number][] = [];
      const far = 24; // outputs beyond it are further than a pixel at these scales
      for (let p = -far; p <= far; p++)
        for (let q = -far; q <= far; q++)
          if (Math.abs(xx * q + xy * p + x0) < 1 && Math.abs(yx * q + yy * p + y0) < 1) seen.push([p, q]);
      for (const axis of [0, 1]) {
        const places = seen.map((at) => at[axis]);
        const count = seen.length > 0 ? Math.max(...places) - Math.min(...places) + 1 : 0;
        expect(count).toBeLessThanOrEqual(candidatesOf(map));
        most = Math.max(most, candidatesOf(map) - count === 0 ? count : 0);
      }
    }),
    { numRuns: 2000 },
  );
  expect(most).toBeGreaterThan(3); // not merely far above
});

test("the study's maps have three at most, as packedWarp takes without being told", () => {
  const all = [
    ...SCALES.map((scale) => scaling(scale, 224)),
    ...[0, 5, 45, 90].map((angle) => rotation(angle, 236)),
    translation([3, 1], 248),
  ];
  expect(Math.max(...all.map((map) => candidatesOf(localMap(map))))).toBe(3);
});

test('of a move, the first two outputs that packedWarp looks at are all that see a pixel', () => {
  const f = Math.fround;
  let seen = 0;
  for (const jitter of [4, 5, 16, 31])
    for (const mode of ['faithful', 'centered'] as const) {
      const settings = { jitter, jitterMode: mode, scales: SCALES, angles: ANGLES };
      for (const kind of ['first', 'second'] as const) {
        expect(candidatesFor(kind, { settings, size: 224 })).toBe(2);
        const { least, count } = jitterRanges(jitter, mode)[kind];
        for (const n of [224 + 2 * jitter, Math.ceil(1.05 * (224 + 2 * jitter))])
          for (let d = least; d < least + count; d++)
            for (const start of [0, 60]) {
              const x0 = f(localMap(translation([d, d], n), [start, start], [start - Math.floor(d), 0]).x0);
              for (let v = 0; v < 100; v++) {
                const first = Math.ceil(f(f(v - x0) - f(1 + SLACK)));
                const weight = (q: number) => Math.max(0, 1 - Math.abs(f(f(q + x0) - v)));
                expect(weight(first - 1) + weight(first + 2)).toBe(0);
                expect(weight(first) + weight(first + 1)).toBeCloseTo(1, 4);
                seen += 1;
              }
            }
      }
    }
  expect(seen).toBeGreaterThan(10_000);
  // too large a picture for that: a fraction could be as small as the slack
  const settings = { jitter: 4, scales: SCALES, angles: ANGLES };
  expect(candidatesFor('first', { settings, size: 1000 })).toBeUndefined();
});
