// Winograd's F(4x4, 3x3), for the convolutions of simdConvolution.ts with 3x3 filters and stride 1: a tile of 4 x 4
// results is a polynomial product, found from its values at 6 x 6 points: 36 products where the sum over taps takes 144.
//
//   Y = A^T [ sum over c of (G w G^T) * (B^T x B) ] A       x: the 6x6 patch of a tile, *: point by point
//
// Rows of A, B and G belong to the points 0, +-a, +-b and infinity, so rows of opposite points share their even and odd
// halves. Weights are taken there when they are uploaded. Three dispatches with texels between them: patches (lane =
// tile), for each of the 36 points a product of matrices (lane = 4 outputs, tiles broadcast), and results (lane = tile)
// with everything around them. Tiles of all samples stand in one row; no sum depends on where in it a tile is.
//
// The points decide the error. With a = 5/8 and b = 3/2 all constants of A and B are exact, and the largest errors are a
// third or less of those with the usual 1 and 2: two to five times those of the plain sum.

import type { Pass, Shape } from './op.ts';
import type { SimdShape } from './simdConvolution.ts';
import { convolutionCost, loadCost } from './simdTiles.ts';
import {
  A,
  B,
  OUTPUTS,
  POINTS,
  patchText,
  productText,
  resultText,
  SIDE,
  type Surroundings,
  WINOGRAD_SHAPE,
} from './winogradText.ts';

const AT_ONCE = [16, 32] as const;

// in products, measured on lavapipe
/** of a sum's way through memory, per four channels */
const SUM_COST = 4.4;
/** of a texel, per lane */
const STORE_COST = 8;
const USUAL_BATCH = 8;
const MARGIN = 1.2;
/** Above this many texels the weights at the points leave the cache, and take longer than a plain sum. */
const MAX_WEIGHTS = 1 << 20;

const tilesOf = ({ P, Q }: Pick<SimdShape, 'P' | 'Q'>): [number, number] => [
  Math.ceil(P / SIDE),
  Math.ceil(Q / SIDE),
];

/** Work of a lane at one point with four channels and all `tiles`, `atOnce` at a time, in products. */
function productCost(lanes: number, tiles: number, atOnce: number): number {
  const loads = OUTPUTS + Math.ceil(atOnce / lanes);
  return Math.ceil(tiles / atOnce) * (loads * loadCost(lanes) + atOnce * OUTPUTS * (4 + SUM_COST));
}

/** Tiles that a subgroup multiplies at once: many share their loads of weights, few leave fewer over. */
const tilesAtOnce = (lanes: number, tiles: number): number =>
  AT_ONCE.reduce((best, atOnce) =>
    productCost(lanes, tiles, atOnce) < productCost(lanes, tiles, best) ? atOnce : best,
  );

/**
 * Whether it should take less time than the plain sum, by a margin that its larger errors are worth. An image's bytes
 * may not depend on the batch, so the batch must not decide: it is taken to be the usual one.
 */
export function winogradPays(lanes: number, shape: Omit<SimdShape, 'N'>): boolean {
  const { C4, outputs } = shape;
  const [down, across] = tilesOf(shape);
  const [K4, tiles, points] = [outputs / 4, USUAL_BATCH * down * across, POINTS * POINTS];
  // a transform of all points of a texel; that of patches and that of results are about as much
  const transform = points * (loadCost(lanes) + STORE_COST * lanes);
  const products = points * productCost(lanes, tiles, tilesAtOnce(lanes, tiles));
  const work = C4 * Math.ceil(K4 / lanes) * products + (C4 + K4) * Math.ceil(tiles / lanes) * transform;
  const fits = points * C4 * outputs <= MAX_WEIGHTS;
  const plain = convolutionCost({ lanes, R: 3, S: 3, stride: 1, channels: 4 }, shape);
  return fits && MARGIN * work < USUAL_BATCH * C4 * plain;
}

/** What a convolution works on. */
export interface WinogradWork {
  lanes: number;
  samples: number;
  shape: SimdShape;
  extra: Surroundings & Readonly<Record<string, number>>;
  /** of the plain sum: what rates are compared by */
  flops: number;
}

/** `input` [N,C4,H,W,4] convolved with what `weight_points` holds. */
export function winogradPass(
  { lanes, samples, shape, extra, flops }: WinogradWork,
  operands: Readonly<Record<string, string>>,
): Pass {
  const { C4, outputs } = shape;
  const [down, across] = tilesOf(shape);
  const tiles = samples * down * across;
  const [K4, points, atOnce] = [outputs / 4, POINTS * POINTS, tilesAtOnce(lanes, tiles)];
  const numbers: Readonly<Record<string, number>> = {
    ...shape,
    ...extra,
    tiles,
    down,
    across,
    accumulate: 0,
  };
  const blocks = (count: number, size = lanes) => Math.ceil(count / size) * lanes;
  const common = { workgroupSize: lanes, flops: 0 };
  const results: Pass = {
    ...common,
    entryPoint: 'transform_results',
    source: resultText(lanes),
    bindings: ['products', 'bias', 'other', 'result', 'shape'],
    operands,
    invocations: [blocks(tiles), K4],
  };
  const products: Pass = {
    ...common,
    entryPoint: 'multiply',
    source: productText(lanes, atOnce),
    bindings: ['patch_points', 'weight_points', 'products', 'shape'],
    operands,
    invocations: [blocks(tiles, atOnce) * Math.ceil(K4 / lanes), points],
    flops,
    next: results,
  };
  return {
    ...common,
    entryPoint: 'transform_patches',
    source: patchText(lanes),
    bindings: ['input', 'patch_points'],
    operands,
    invocations: [blocks(tiles), C4],
    shape: WINOGRAD_SHAPE.map((name) => numbers[name]),
    scratch: { patch_points: [points, C4, tiles, 4], products: [points, K4, tiles, 4] },
    next: products,
  };
}

/** Shape of what a table of weights [C4,9,outputs,4] is at the points. */
export const pointsShape = ([C4, , outputs]: Shape): Shape => [POINTS * POINTS, C4, outputs, 4];

/** A table of weights [C4,9,outputs,4] at the points, G w G^T, in float64. */
export function weightsAtPoints({ shape, data }: { shape: Shape; data: ArrayLike<number> }): {
  shape: Shape;
  data: Float32Array;
} {
  const [C4, , outputs] = shape;
  const floats = 4 * outputs;
  const result = new Float32Array(POINTS * POINTS * C4 * floats);
  for (let c = 0; c < C4; c++)
    for (let i = 0; i < floats; i++) {
      const tap = (r: number, s: number) => data[(9 * c + 3 * r + s) * floats + i];
      const columns = [0, 1, 2].map((s) => filterAtPoints(tap(0, s), tap(1, s), tap(2, s)));
      for (let row = 0; row < POINTS; row++) {
        const values = filterAtPoints(columns[0][row], columns[1][row], columns[2][row]);
        for (let column = 0; column < POINTS; column++)
          result[((POINTS * row + column) * C4 + c) * floats + i] = values[column];
      }
    }
  return { shape: pointsShape(shape), data: result };
}

/** G w */
function filterAtPoints(w0: number, w1: number, w2: number): number[] {
  const [a2, b2] = [A * A, B * B];
  const atA = 1 / (2 * a2 * (a2 - b2));
  const atB = 1 / (2 * b2 * (b2 - a2));
  const [evenA, oddA] = [atA * (w0 + a2 * w2), atA * A * w1];
  const [evenB, oddB] = [atB * (w0 + b2 * w2), atB * B * w1];
  return [w0 / (a2 * b2), evenA + oddA, evenA - oddA, evenB + oddB, evenB - oddB, w2];
}
