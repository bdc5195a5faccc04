// Every op of the image on the GPU against float64: at the sizes of a 224 x 224 visualisation, and awkward ones.

import { afterAll, beforeAll, describe, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import type { Warp } from '../../src/kernels/imageReference.ts';
import {
  colourCase,
  columnsCase,
  normalizeCase,
  normalizedWarpCase,
  packedImageCase,
  padCase,
  rowsCase,
  spectrumCase,
  warpCase,
} from '../support/imageCases.ts';
import type { Pair } from '../support/opCases.ts';
import { checkOp, type OpCase } from '../support/opCheck.ts';
import { simdLanes } from '../support/simd.ts';
import { type AffineSettings, affine } from '../support/warps.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

/** Several maps of the same sizes, one per step and sample. */
const maps = (shape: readonly number[], size: readonly [number, number], ...settings: AffineSettings[]) =>
  settings.map((one) => affine(shape, size, one));

/** A map whose coordinates float32 holds exactly: multiples of 1/64, so that only the kernel's logic is tested. */
const exact = (
  xx: number,
  xy: number,
  x0: number,
  yx: number,
  yy: number,
  y0: number,
  ...valid: number[]
): Warp => {
  const [xLow = 0, xHigh = 1e4, yLow = 0, yHigh = 1e4] = valid;
  return { xx, xy, x0, yx, yy, y0, xLow, xHigh, yLow, yHigh };
};

// Elsewhere a coordinate of size c errs by up to four roundings of 2^-24 c, which moves a value by that times the
// difference of neighbouring pixels (at most 2 sqrt(3) here) in both directions; several such terms meet in a gradient.
const rounded = (size: number, zoom = 1) => {
  const moved = 4 * size * 2 ** -24 * 2 * (2 * Math.sqrt(3));
  return { forward: 1e-5 + moved, backward: 2e-5 + (4 * moved) / Math.min(1, zoom) ** 2 };
};

const identity = exact(1, 0, 0, 0, 1, 0);

/** The plain kernels run these, and the SIMD kernels the whole transform at the same sizes. */
const spectra: [typeof spectrumCase, batch: Pair, frame: Pair, window?: Pair, steps?: number][] = [
  [columnsCase, [1, 3], [224, 224]],
  [columnsCase, [2, 3], [224, 224], [43, 43], 2],
  [columnsCase, [1, 1], [1, 1]],
  [columnsCase, [2, 3], [8, 6]],
  [columnsCase, [3, 2], [5, 7], [2, 3], 3],
  [columnsCase, [8, 3], [9, 4], [1, 1], 3],
  [columnsCase, [1, 3], [1, 9], [1, 4], 2],
  [columnsCase, [2, 1], [17, 2], [16, 2], 2],
  [columnsCase, [1, 2], [65, 33], [33, 30], 2],
  [rowsCase, [1, 3], [224, 224]],
  [rowsCase, [2, 3], [224, 224], [43, 43], 2],
  [rowsCase, [1, 1], [1, 1]],
  [rowsCase, [2, 3], [8, 6]],
  [rowsCase, [3, 2], [5, 7], [2, 3], 3],
  [rowsCase, [8, 3], [4, 9], [1, 1], 3],
  [rowsCase, [1, 3], [9, 1], [4, 1], 2],
  [rowsCase, [2, 1], [2, 17], [2, 16], 2],
  [rowsCase, [1, 2], [33, 65], [30, 33], 2],
  [columnsCase, [3, 3], [17, 33], [9, 21], 4],
  [rowsCase, [3, 3], [33, 17], [21, 9], 4],
  [spectrumCase, [1, 3], [224, 224]],
  [spectrumCase, [2, 3], [224, 224], [61, 43], 2],
  [spectrumCase, [3, 2], [9, 7], [4, 5], 2],
  [spectrumCase, [2, 3], [12, 10], [12, 10], 3],
  [spectrumCase, [2, 2], [20, 33], [7, 32], 4],
  [spectrumCase, [1, 3], [64, 64], [63, 1], 4],
  [spectrumCase, [2, 1], [4, 4], [3, 3], 4],
];

const cases: OpCase[] = [
  ...spectra.map(([make, ...shape]) => make(...shape)),
  colourCase([1, 3, 224, 224]),
  colourCase([1, 3, 1, 1]),
  colourCase([3, 3, 5, 7]),
  colourCase([8, 3, 1, 9]),
  normalizeCase([1, 3, 224, 224]),
  normalizeCase([1, 3, 1, 1]),
  normalizeCase([3, 3, 5, 7]),
  normalizeCase([8, 3, 9, 1]),
  padCase([1, 3, 224, 224], [224, 224], [248, 248], [[0, 0, -12, -12]]),
  padCase(
    [1, 3, 224, 224],
    [224, 224],
    [240, 240],
    [
      [0, 0, -12, -5],
      [0, 0, -4, -12],
    ],
    2,
  ),
  padCase(
    [2, 3, 60, 60],
    [224, 224],
    [48, 50],
    [
      [0, 0, -3, -5],
      [164, 164, 178, 180],
      [80, 0, 84, -7],
      [100, 90, 106, 95],
    ],
    2,
  ),
  padCase([1, 1, 1, 1], [1, 1], [1, 1], [[0, 0, 0, 0]]),
  padCase([1, 2, 2, 2], [2, 2], [4, 4], [[0, 0, -1, -1]]),
  padCase([1, 3, 4, 5], [4, 5], [10, 13], [[0, 0, -3, -4]]),
  padCase([1, 3, 4, 5], [4, 5], [2, 3], [[0, 0, 1, 2]]),
  padCase(
    [2, 3, 4, 5],
    [4, 5],
    [5, 6],
    [
      [0, 0, -3, 0],
      [0, 0, 2, -4],
      [0, 0, -1, 3],
      [0, 0, 0, 0],
    ],
    2,
  ),
  padCase(
    [3, 1, 3, 4],
    [7, 9],
    [6, 7],
    [
      [0, 0, -2, -3],
      [4, 5, 4, 6],
      [2, 3, 0, 0],
    ],
  ),
  padCase(
    [3, 2, 3, 4],
    [7, 9],
    [6, 7],
    [
      [4, 0, 5, -4],
      [0, 5, -5, 7],
      [2, 2, 20, 3],
    ],
  ), // the last sees nothing
  padCase(
    [8, 3, 6, 5],
    [8, 8],
    [9, 9],
    [
      [0, 0, -4, -3],
      [2, 3, 5, 6],
      [1, 2, 0, 0],
      [2, 0, 7, -7],
    ],
    3,
  ),
  padCase(
    [1, 2, 1, 66],
    [3, 70],
    [2, 80],
    [
      [1, 2, 0, -9],
      [2, 4, 1, -5],
      [0, 0, -1, 5],
    ],
    3,
  ),
  warpCase([1, 3, 248, 248], [224, 224], 'shift by whole pixels', [exact(1, 0, 7, 0, 1, 16)]),
  warpCase([1, 3, 248, 248], [232, 232], 'quarter steps', [exact(1.25, 0.25, -31.5, -0.25, 1.25, 10.25)]),
  warpCase(
    [2, 3, 240, 240],
    [240, 240],
    'rotated, 2 steps',
    maps(
      [240, 240],
      [240, 240],
      { degrees: 5 },
      { degrees: -10, zoom: 1.1 },
      { zoom: 0.9 },
      { degrees: 3, move: [4, -3] },
    ),
    2,
    rounded(240, 0.9),
  ),
  warpCase([1, 1, 1, 1], [1, 1], 'identity', [identity]),
  warpCase([3, 2, 5, 7], [5, 7], 'identity', [identity]),
  warpCase([1, 2, 5, 7], [8, 9], 'shifted out on all sides', [exact(1, 0, -1.5, 0, 1, -2.25)]),
  warpCase([2, 2, 6, 6], [6, 6], 'quarter turn and mirror', [
    exact(0, 1, 0, -1, 0, 5),
    exact(-1, 0, 5, 0, 1, 0),
  ]),
  warpCase([1, 2, 9, 9], [5, 5], 'shrunk', [exact(2, 0, 0.25, 0, 2, 0.5)]),
  warpCase([1, 2, 5, 5], [17, 18], 'enlarged', [exact(0.25, 0, 0.125, 0, 0.25, -0.25)]),
  warpCase([1, 2, 7, 6], [9, 8], 'sheared', [exact(1, 0.5, -1, 0.25, 0.75, 0)]),
  warpCase(
    [2, 2, 6, 7],
    [6, 7],
    'valid rectangles, 2 steps',
    [
      exact(1, 0, 0.5, 0, 1, 0.25, 1, 5, 2, 6),
      exact(1, 0, 0, 0, 1, 0, 0, 7, 3, 3),
      exact(1, 0, -0.5, 0, 1, 0.25, 6, 7, 0, 1),
      exact(1, 0, 0, 0, 1, 0, -4, 3, -2, 99),
    ],
    2,
  ),
  warpCase([1, 1, 4, 4], [3, 3], 'all outside', [exact(1, 0, 30, 0, 1, 0)]),
  warpCase(
    [2, 2, 11, 9],
    [8, 10],
    'rotated, 3 steps',
    maps(
      [11, 9],
      [8, 10],
      { degrees: 17 },
      { degrees: -31, zoom: 1.4 },
      { degrees: 45, zoom: 0.7 },
      { degrees: 90 },
      { zoom: 1.3, move: [0.5, -1.2] },
    ),
    3,
    rounded(20, 0.7),
  ),
  warpCase(
    [8, 3, 13, 13],
    [11, 11],
    'rotated, partly valid',
    maps(
      [13, 13],
      [11, 11],
      { degrees: 8, valid: [2, 9, 0, 10] },
      { degrees: -8, zoom: 1.1, valid: [0, 11, 5, 6] },
      { zoom: 0.95, valid: [3, 8, 3, 8] },
    ),
    1,
    rounded(20, 0.95),
  ),
];

for (const row of cases) test(row.name, () => checkOp(gpu, row));

describe('for SIMD adapters', () => {
  for (const [, batch, frame, window, steps] of spectra)
    test(spectrumCase(batch, frame, window, steps, 8).name, (context) =>
      checkOp(gpu, spectrumCase(batch, frame, window, steps, simdLanes(gpu, context))),
    );
  for (const row of cases.filter((row) => /^(warp|pad|colour)/.test(row.name))) {
    const packed = packedImageCase(row);
    test(packed.name, () => checkOp(gpu, packed));
  }
  const turned = maps(
    [9, 11],
    [10, 8],
    { degrees: 12, zoom: 1.1, valid: [1, 8, 0, 9] },
    { move: [0.5, -1.2] },
  );
  const normalized = normalizedWarpCase([2, 3, 9, 11], [10, 8], turned);
  test(normalized.name, () => checkOp(gpu, normalized));
});
