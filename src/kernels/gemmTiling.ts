// How a convolution is cut into workgroups where it runs as a product of matrices (gemmConv.wgsl): large tiles reuse
// more of what they load, small ones make more workgroups, and a split sum over k makes more still.
//
// An image's bytes must not depend on its batch. A tile's size does not change the order in which a result's terms
// are summed, so it may follow from the batch and from what was measured on the adapter; the split does, and follows from
// one sample and the vendor's number alone.

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

type Tile = Pick<Tiling, 'tile' | 'tall'>;

/** What a workgroup may make, by name. An adapter's minimum limits allow all of them (workgroups of 256, 16 KiB). */
export const TILES = {
  '128x64 tall': { tile: [128, 64], tall: true },
  '64x64 tall': { tile: [64, 64], tall: true },
  '64x64': { tile: [64, 64], tall: false },
  '32x64': { tile: [32, 64], tall: false },
  '32x32': { tile: [32, 32], tall: false },
  '16x64': { tile: [16, 64], tall: false },
} as const satisfies Record<string, Tile>;
export type TileName = keyof typeof TILES;

/** Those with 64 positions: a large batch in narrower ones would be more workgroups than a dispatch may have. */
export const LARGE_TILES = ['128x64 tall', '64x64 tall', '64x64', '32x64'] as const satisfies TileName[];

/** Which tiles products get. It does not decide a byte: the sums and their order are the same in all of them. */
export interface TileRule {
  /** where they make `wanted` workgroups */
  large: (typeof LARGE_TILES)[number];
  /** elsewhere */
  small: TileName;
  /** for products of few outputs: the gradient of an image */
  few: TileName;
  wanted: number;
}

/** Not measured on a GPU; `streamscope tune` finds an adapter's own. */
export const guessedRule = (wanted: number): TileRule => ({
  large: '64x64 tall',
  small: '32x32',
  few: '16x64',
  wanted,
});

/** Products of so few outputs are `few`. */
const FEW_OUTPUTS = 16;
/** Tiles that parts of sums are counted for, whatever tiles the sums are then made in. */
const [SPLIT_TILE, SPLIT_TILE_OF_FEW] = [TILES['32x32'], TILES['16x64']];
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
 * `wanted` is the number of workgroups that keeps the adapter busy: as many parts as one sample needs to make so many.
 * `rule` chooses the tile, and never the parts.
 */
export function chooseTiling(
  product: Product,
  wanted: number,
  unroll = true,
  rule: TileRule = guessedRule(wanted),
): Tiling {
  const split = splitOf(product, wanted);
  return { ...TILES[tileNameOf(product, split, rule)], split, unroll };
}

/** The tile of a product whose sums are in `split` parts. */
export function tileNameOf(
  product: Product,
  split: number,
  { large, small, few, wanted }: TileRule,
): TileName {
  if (isFew(product)) return few;
  return count(tilesOf(product, TILES[large])) * split >= wanted ? large : small;
}

const isFew = ({ outputs }: Product): boolean => outputs <= FEW_OUTPUTS;

/** The fewest parts that make `wanted` workgroups of one sample, if its sums are long enough. */
function splitOf(product: Product, wanted: number): number {
  const tile = isFew(product) ? SPLIT_TILE_OF_FEW : SPLIT_TILE;
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
