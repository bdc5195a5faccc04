// The float64 reference of the image's ops: every backward against central differences of its forward, and every
// linear op against its adjoint.

import { expect, test } from 'vitest';
import * as I from '../../src/kernels/imageReference.ts';
import type { Array64 } from '../../src/kernels/reference.ts';
import { randomArray } from '../support/arrays.ts';
import { adjoint, type Backward, type Forward, gradcheck } from '../support/gradcheck.ts';
import { affine } from '../support/warps.ts';

type Pair = readonly [number, number];

interface Row {
  name: string;
  x: Array64;
  forward: Forward;
  backward: Backward;
  linear: boolean;
}

const pixels = (window: I.Window) => `${window.size.join('x')} at ${window.origin}`;

function columns(C: number, [H, W]: Pair, window: I.Window): Row {
  const scale = I.frequencyScale(H, W);
  return {
    name: `spectrumColumns ${C} of ${H}x${W}, window ${pixels(window)}`,
    x: randomArray('p', [1, C, H, I.spectrumColumnCount(W), 2]),
    forward: (p) => I.spectrumColumns(p, scale, window),
    backward: (dz, p) => I.spectrumColumnsBackwardP(dz, p, scale, window),
    linear: true,
  };
}

function rowsOf(C: number, [H, W]: Pair, window: I.Window): Row {
  return {
    name: `spectrumRows ${C} of ${H}x${W}, window ${pixels(window)}`,
    x: randomArray('z', [1, C, window.size[0], I.spectrumColumnCount(W), 2]),
    forward: (z) => I.spectrumRows(z, H, W, window),
    backward: (draw, z) => I.spectrumRowsBackwardZ(draw, z, H, W, window),
    linear: true,
  };
}

function pad(shape: readonly number[], frame: Pair, source: Pair, target: I.Window): Row {
  const settings = { frame, source, target };
  return {
    name: `pad ${shape.join('x')} at ${source} of ${frame.join('x')} to ${pixels(target)}`,
    x: randomArray('pad', shape),
    forward: (x) => I.pad(x, settings),
    backward: (dy, x) => I.padBackwardX(dy, x, settings),
    linear: true,
  };
}

function warp(
  shape: readonly number[],
  size: Pair,
  degrees: number,
  zoom: number,
  move: Pair,
  valid?: number[],
): Row {
  const map = affine(shape, size, { degrees, zoom, move, valid });
  return {
    name: `warp ${shape.join('x')} to ${size.join('x')} by ${degrees} degrees, x${zoom}, ${move}, valid ${valid ?? 'all'}`,
    x: randomArray('warp', shape),
    forward: (x) => I.warp(x, size, map),
    backward: (dy, x) => I.warpBackwardX(dy, x, map),
    linear: true,
  };
}

const colour = (shape: readonly number[]): Row => ({
  name: `colour ${shape.join('x')}`,
  x: randomArray('colour', shape),
  forward: I.colour,
  backward: (dy, x) => I.colourBackwardX(dy, I.colour(x)),
  linear: false,
});

const normalize = (shape: readonly number[]): Row => ({
  name: `normalize ${shape.join('x')}`,
  x: randomArray('normalize', shape),
  forward: I.normalize,
  backward: (dy) => I.normalizeBackwardX(dy),
  linear: true,
});

const rows: Row[] = [
  columns(1, [1, 1], { origin: [0, 0], size: [1, 1] }),
  columns(2, [4, 6], { origin: [0, 0], size: [4, 6] }),
  columns(1, [5, 7], { origin: [2, 0], size: [3, 7] }),
  columns(1, [7, 4], { origin: [6, 3], size: [1, 1] }),
  rowsOf(1, [1, 1], { origin: [0, 0], size: [1, 1] }),
  rowsOf(2, [4, 6], { origin: [0, 0], size: [2, 6] }),
  rowsOf(1, [5, 7], { origin: [1, 3], size: [2, 4] }),
  rowsOf(1, [7, 5], { origin: [0, 4], size: [3, 1] }),
  rowsOf(1, [3, 8], { origin: [0, 5], size: [2, 3] }),
  pad([1, 1, 1, 1], [1, 1], [0, 0], { origin: [0, 0], size: [1, 1] }),
  pad([2, 2, 4, 5], [4, 5], [0, 0], { origin: [-3, -2], size: [10, 9] }),
  pad([1, 1, 4, 5], [4, 5], [0, 0], { origin: [1, 2], size: [2, 3] }),
  pad([1, 2, 3, 4], [7, 8], [0, 0], { origin: [-2, -3], size: [5, 7] }),
  pad([1, 1, 3, 3], [7, 7], [4, 4], { origin: [3, 2], size: [7, 8] }),
  pad([1, 1, 3, 3], [9, 7], [2, 3], { origin: [1, 1], size: [5, 5] }),
  pad([1, 1, 2, 2], [2, 2], [0, 0], { origin: [-1, -1], size: [4, 4] }),
  warp([1, 1, 1, 1], [1, 1], 0, 1, [0, 0]),
  warp([2, 2, 5, 6], [5, 6], 0, 1, [0.3, -0.7]),
  warp([1, 2, 6, 5], [4, 7], 17, 1, [0, 0]),
  warp([1, 1, 5, 5], [8, 8], 0, 0.6, [0.2, 0.1]),
  warp([1, 1, 7, 6], [4, 4], -31, 1.4, [0.5, -1.25]),
  warp([1, 1, 6, 6], [6, 6], 8, 1.1, [0, 0], [1, 4, 2, 6]),
  warp([1, 1, 5, 5], [5, 5], 90, 1, [0, 0], [0, 5, 3, 3]),
  warp([1, 1, 4, 4], [3, 3], 5, 1, [30, 0]),
  colour([1, 3, 1, 1]),
  colour([2, 3, 3, 2]),
  normalize([1, 3, 1, 1]),
  normalize([2, 3, 3, 5]),
];

for (const { name, x, forward, backward } of rows)
  test(`central differences: ${name}`, () => {
    expect(gradcheck(name, x, forward, backward)).toBeGreaterThan(0);
  });

// over 100 pairs for every op; the row that is zero everywhere has no inner product to compare
for (const { name, x, forward, backward } of rows.filter((row) => row.linear))
  test(`adjoint: ${name}`, () => {
    if (forward(x).data.every((value) => value === 0))
      expect(backward(forward(x), x).data.every((d) => d === 0)).toBe(true);
    else adjoint(name, x.shape, forward, backward, 60);
  });
