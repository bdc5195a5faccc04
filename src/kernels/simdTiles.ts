// What a subgroup of simdConvolution.ts works on at a time, and which choice costs least. A subgroup computes a tile of
// pixels, of several samples where pictures are small: what it loads of the weights serves them all. It does so for one
// or two outputs per lane: what it loads of the picture serves both. A tile that is all of a picture, along one axis or both,
// multiplies no padding there.

/** One product of an output: weight `weight` of the table, with the pixel at (row, column) of the patch it sees. */
export interface Tap {
  weight: number;
  row: number;
  column: number;
}

/** What the text of a convolution depends on. */
export interface SimdFilter {
  /** invocations of a subgroup, exactly */
  lanes: number;
  /** rows and columns of the patch that a position sees */
  R: number;
  S: number;
  stride: number;
  /** of the four in a texel, those that are not padding */
  channels: number;
  /** results of a position beside each other, each with taps of its own; without them one, with all taps */
  phases?: readonly (readonly Tap[])[];
  /** weights in the table per output and texel of channels; R S unless it is given */
  weights?: number;
}

export interface Tile {
  samples: number;
  rows: number;
  columns: number;
  /** outputs of a lane: broadcasts serve them all */
  vectors: number;
  /** whether it is all of a picture along rows, along columns: then its text leaves out the products with padding there */
  whole: readonly [boolean, boolean];
}

/** How much there is. */
export interface Extent {
  /** samples */
  N: number;
  /** rows and columns of what is read */
  H: number;
  W: number;
  /** the first position's first tap is at row -top and column -left */
  top: number;
  left: number;
  /** positions of a sample, rows and columns */
  P: number;
  Q: number;
  /** results per position and phase */
  outputs: number;
}

/** Tiles that many layers share, so that few kernels are compiled. */
const COMMON: readonly Pick<Tile, 'samples' | 'rows' | 'columns'>[] = [
  [1, 1, 1],
  [1, 3, 3],
  [1, 3, 5],
  [1, 4, 4],
  [1, 5, 5],
  [1, 4, 7],
  [1, 4, 8],
  [1, 6, 6],
  [1, 5, 7],
  [1, 7, 7],
  [8, 1, 1],
  [4, 3, 3],
  [2, 4, 4],
  [2, 5, 5],
].map(([samples, rows, columns]) => ({ samples, rows, columns }));
/** How much less a tile has to cost that one layer has to itself, and its samples where it is all of a picture. */
const OWN_GAIN = 1.15;
const WHOLE_SAMPLES = [1, 2, 4, 8];
/** Rows and columns of others: thin ones measured worse than they count. */
const OWN_SIDE = 3;
/** Outputs of a lane. With two, a broadcast and a load of the patch serve both; four measured no better. */
const VECTORS = [1, 2];
/** Sums that fit the registers at once. */
const MAX_BLOCK = 16;
/** More products per channel, or sums, take longer by far to compile and little less to compute. */
const MAX_PRODUCTS = 1350;
const MAX_SUMS = 200;
/** Filters of more taps than this are taken row by row. */
const MAX_TAPS = 25;
/** Costs of a broadcast to a block of sums and of loading a texel, in products: measured on lavapipe. */
const BROADCAST_COST = 0.5;
export const loadCost = (lanes: number): number => (lanes > 8 ? 55 : 20);

/** What one turn of the loop works on: all of the filter's rows, or one; and the patch they see from a tile. */
export interface Turn {
  /** turns per texel of channels */
  turns: number;
  /** by phase */
  taps: readonly (readonly Tap[])[];
  /** weights of the table that a turn passes */
  weights: number;
  /** from one output to the next in the patch, rows and columns */
  step: readonly [number, number];
  /** from one row or column of the patch to the next in x */
  spread: readonly [number, number];
  /** rows and columns of padding that the patch leaves out */
  without: readonly [number, number];
  /** of one sample */
  patchRows: number;
  patchColumns: number;
}

const allTaps = (R: number, S: number): Tap[] =>
  Array.from({ length: R * S }, (_, i) => ({ weight: i, row: Math.floor(i / S), column: i % S }));

export function turnOf({ R, S, stride, phases, weights }: SimdFilter, extent: Extent, tile: Tile): Turn {
  const apart = !phases && R * S > MAX_TAPS;
  const turnRows = apart ? 1 : R;
  // where one row of taps looks at every stride-th row only, the patch has no others
  const spread = [turnRows === 1 ? stride : 1, S === 1 ? stride : 1] as const;
  const step = [stride / spread[0], stride / spread[1]] as const;
  return {
    turns: apart ? R : 1,
    taps: phases ?? [allTaps(turnRows, S)],
    weights: apart ? S : (weights ?? R * S),
    step,
    spread,
    without: [tile.whole[0] ? extent.top : 0, tile.whole[1] ? extent.left : 0],
    patchRows: tile.whole[0] ? extent.H : (tile.rows - 1) * step[0] + turnRows,
    patchColumns: tile.whole[1] ? extent.W : (tile.columns - 1) * step[1] + S,
  };
}

/** The row (axis 0) or column (1) of the patch that a tap of position i sees; undefined for padding that it leaves out. */
export function seen({ step, without, patchRows, patchColumns }: Turn, axis: 0 | 1, i: number, tap: Tap) {
  const at = i * step[axis] + (axis === 0 ? tap.row : tap.column) - without[axis];
  return at >= 0 && at < (axis === 0 ? patchRows : patchColumns) ? at : undefined;
}

/** Rows, those of all samples one after the other, and columns of a tile whose sums are in registers together. */
export interface Block {
  rows: readonly number[];
  columns: readonly number[];
}

export function blocksOf({ samples, rows, columns, vectors }: Tile): Block[] {
  const wide = Math.ceil(columns / Math.ceil((columns * vectors) / MAX_BLOCK));
  const high = Math.max(1, Math.floor(MAX_BLOCK / wide / vectors));
  const bands = runs(samples * rows, high);
  return bands.flatMap((band) => runs(columns, wide).map((run) => ({ rows: band, columns: run })));
}

/** 0 to count - 1, in runs of `length`. */
const runs = (count: number, length: number): number[][] =>
  Array.from({ length: Math.ceil(count / length) }, (_, i) =>
    Array.from({ length: Math.min(length, count - i * length) }, (_, j) => i * length + j),
  );

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Sums of a lane for one phase. */
const sumsOf = ({ samples, rows, columns, vectors }: Tile): number => samples * rows * columns * vectors;

/** Products of a lane with one channel in one turn. */
function productsOf(turn: Turn, { samples, rows, columns, vectors, whole }: Tile): number {
  const along = (axis: 0 | 1, count: number, tap: Tap) => {
    if (!whole[axis]) return count;
    return Array.from({ length: count }, (_, i) => seen(turn, axis, i, tap)).filter((at) => at !== undefined)
      .length;
  };
  const taps = turn.taps.flat();
  return samples * vectors * sum(taps.map((tap) => along(0, rows, tap) * along(1, columns, tap)));
}

/** Broadcasts of one channel in one turn: each block has its own. */
function broadcastsOf(turn: Turn, tile: Tile): number {
  const reach = (axis: 0 | 1, positions: readonly number[], taps: readonly Tap[]) => {
    const steps = taps.map(({ row, column }) => (axis === 0 ? row : column));
    const [first, last] = [positions[0], positions.at(-1)!].map((i) => i * turn.step[axis]);
    return last - first + Math.max(...steps) - Math.min(...steps) + 1;
  };
  const phases = turn.taps.filter(({ length }) => length > 0);
  return sum(
    phases.flatMap((taps) =>
      blocksOf(tile).map(({ rows, columns }) => reach(0, rows, taps) * reach(1, columns, taps)),
    ),
  );
}

/** Work of all subgroups per texel of channels, in products, counting what hangs over the edge. */
function costOf(filter: SimdFilter, extent: Extent, tile: Tile): number {
  const { lanes, channels } = filter;
  const { N, P, Q, outputs } = extent;
  const turn = turnOf(filter, extent, tile);
  const patch = tile.samples * turn.patchRows * turn.patchColumns;
  const loads = tile.vectors * sum(turn.taps.map(({ length }) => length)) + Math.ceil(patch / lanes);
  const products = productsOf(turn, tile) + BROADCAST_COST * broadcastsOf(turn, tile);
  const work = turn.turns * (channels * products + loads * loadCost(lanes));
  const tiles = Math.ceil(N / tile.samples) * Math.ceil(P / tile.rows) * Math.ceil(Q / tile.columns);
  return tiles * Math.ceil(outputs / lanes / tile.vectors) * work;
}

const COMMON_TILES = VECTORS.flatMap((vectors) =>
  COMMON.map((tile): Tile => ({ ...tile, vectors, whole: [false, false] })),
);

/** Tiles that cut rows and columns evenly, of several samples where a sample needs but one. */
function ownTiles({ R, S, stride }: SimdFilter, { P, Q, H, W, top, left }: Extent): Tile[] {
  const alone = stride === 1 && R * S <= MAX_TAPS;
  const padsRows = alone && (top > 0 || P + R - 1 - top > H);
  const padsColumns = alone && (left > 0 || Q + S - 1 - left > W);
  return VECTORS.flatMap((vectors) =>
    evenParts(P).flatMap((rows) =>
      evenParts(Q).flatMap((columns) => {
        const whole = [padsRows && rows === P, padsColumns && columns === Q] as const;
        const samples = whole[0] && whole[1] ? WHOLE_SAMPLES : [1];
        return samples.map((n) => ({ samples: n, rows, columns, vectors, whole }));
      }),
    ),
  );
}

/** Lengths of a half, a third, ... of `size`, rounded up. */
const evenParts = (size: number): number[] => {
  const parts = Array.from({ length: size }, (_, i) => Math.ceil(size / (i + 1)));
  return [...new Set(parts)].filter((part) => part >= OWN_SIDE);
};

/** The tile with the least work. */
export function chooseTile(filter: SimdFilter, extent: Extent): Tile {
  const fits = (tile: Tile): boolean => {
    const divides = tile.vectors === 1 || extent.outputs % (tile.vectors * filter.lanes) === 0;
    const sums = sumsOf(tile) * (filter.phases?.length ?? 1);
    if (!divides || tile.samples > extent.N || sums > MAX_SUMS) return false;
    return sumsOf(tile) === 1 || productsOf(turnOf(filter, extent, tile), tile) <= MAX_PRODUCTS;
  };
  const best = (tiles: readonly Tile[]) =>
    tiles
      .filter(fits)
      .map((tile) => ({ tile, cost: costOf(filter, extent, tile) }))
      .reduce((least, one) => (one.cost < least.cost ? one : least), NONE);
  const [common, own] = [best(COMMON_TILES), best(ownTiles(filter, extent))];
  return own.cost * OWN_GAIN < common.cost ? own.tile : common.tile;
}

const NONE = { tile: COMMON_TILES[0], cost: Number.POSITIVE_INFINITY };

/** costOf with the best tile, of a sample by itself. */
export function convolutionCost(filter: SimdFilter, shape: Omit<Extent, 'N'>): number {
  const extent = { ...shape, N: 1 };
  return costOf(filter, extent, chooseTile(filter, extent));
}
