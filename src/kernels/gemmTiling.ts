// How a convolution is cut into workgroups where it runs as a product of matrices (gemmConv.wgsl): large tiles reuse
// more of what they load, small ones make more workgroups, and a split sum over k makes more still.
//
// An image's bytes must not depend on its batch. A tile's size does not change the order in which a result's terms
// are summed, so it may follow from the batch; the split does, and follows from one sample alone.

import type { Shape } from './op.ts';

/** y[m,n] = sum_k of `depth` products, for `outputs` m and `positions` n of each of `samples`. */
export interface Product {
  outputs: number;
  depth: number;
  positions: number;
  samples: number;
}

export interface Tiling {
  /** results of a workgroup: outputs times positions */
  tile: readonly [number, number];
  /** whether an invocation makes 8 x 4 of them instead of 4 x 4 */
  tall: boolean;
  /** workgroups that share a sum */
  split: number;
  /** unroll the inner loop: GPUs like that, a software adapter takes five times as long to compile it */
  unroll: boolean;
}

/** Terms that go through workgroup memory at a time: DEPTH in gemmConv.wgsl. */
export const DEPTH = 16;

/** Large to small. The last are for products of few outputs: the gradient of an image. */
const TILES = [
  { tile: [64, 64], tall: true },
  { tile: [32, 32], tall: false },
  { tile: [16, 64], tall: false },
] as const;
/** Results of few outputs take tiles of so many. */
const FEW_OUTPUTS = 16;
const SPLITS = [1, 2, 4, 8, 16];
/** A part of a sum that is shorter is not worth its place in memory. */
const SHORTEST_PART = 4 * DEPTH;

/** Invocations of a workgroup. */
export const threadsOf = ({ tile: [outputs, positions], tall }: Tiling): number =>
  ((outputs / (tall ? 8 : 4)) * positions) / 4;

/** Tiles of a product, down and across. */
export const tilesOf = (
  { outputs, positions, samples }: Product,
  { tile }: Pick<Tiling, 'tile'>,
): readonly [number, number] => [Math.ceil(outputs / tile[0]), Math.ceil((samples * positions) / tile[1])];

const count = ([down, across]: readonly [number, number]): number => down * across;

/**
 * The default. `wanted` is the number of workgroups that keeps the adapter busy: the largest tile that makes so many,
 * else the smallest; and as many parts as one sample needs to make so many.
 */
export function chooseTiling(product: Product, wanted: number, unroll = true): Tiling {
  if (product.outputs <= FEW_OUTPUTS)
    return { ...TILES[2], split: splitOf(product, TILES[2], wanted), unroll };
  const [large, small] = TILES;
  const split = splitOf(product, small, wanted);
  return { ...(count(tilesOf(product, large)) * split >= wanted ? large : small), split, unroll };
}

/** The fewest parts that make `wanted` workgroups of one sample, if its sums are long enough. */
function splitOf(product: Product, tile: Pick<Tiling, 'tile'>, wanted: number): number {
  const tiles = count(tilesOf({ ...product, samples: 1 }, tile));
  const possible = SPLITS.filter((split) => split === 1 || product.depth / split >= SHORTEST_PART);
  return possible.find((split) => tiles * split >= wanted) ?? possible[possible.length - 1];
}

/** Floats that the parts of a split product take. */
export const partsShape = ({ outputs, positions, samples }: Product, { split }: Tiling): Shape => [
  split,
  outputs,
  samples * positions,
];
