// Affine maps for tests of warp: rotation and scaling about the centre of both pictures, then a shift.

import type { Warp } from '../../src/kernels/imageReference.ts';

export interface AffineSettings {
  degrees?: number;
  /** source pixels per output pixel */
  zoom?: number;
  /** source rows and columns that everything moves by */
  move?: readonly [number, number];
  /** xLow, xHigh, yLow, yHigh of the part that is computed; all of y unless given */
  valid?: readonly number[] | undefined;
}

/** The map of an output of `size` over a source of shape [...,H,W], every number rounded to float32. */
export function affine(
  shape: readonly number[],
  size: readonly [number, number],
  { degrees = 0, zoom = 1, move = [0, 0], valid = [0, size[1], 0, size[0]] }: AffineSettings,
): Warp {
  const [H, W] = shape.slice(-2);
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle) * zoom, Math.sin(angle) * zoom].map(Math.fround);
  const [row, column] = [(size[0] - 1) / 2, (size[1] - 1) / 2];
  return {
    xx: cos,
    xy: sin,
    x0: Math.fround((W - 1) / 2 + move[1] - cos * column - sin * row),
    yx: -sin,
    yy: cos,
    y0: Math.fround((H - 1) / 2 + move[0] + sin * column - cos * row),
    xLow: valid[0],
    xHigh: valid[1],
    yLow: valid[2],
    yHigh: valid[3],
  };
}
