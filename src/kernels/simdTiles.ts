// What a subgroup of simdConvolution.ts works on at a time, and which choice costs least. A subgroup computes a tile of
// pixels, of several samples where pictures are small: what it loads of the weights serves them all. It does so for one
// or two outputs per lane: what it loads of the picture serves both. A tile that is all of a picture multiplies no padding.

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
  /** it is all of a small picture, and its text leaves out the products with padding */
  whole: boolean;
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

/** Few, so that few kernels are compiled. */
const TILES: readonly Pick<Tile, 'samples' | 'rows' | 'columns'>[] = [
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
  [1, 5, 10],
  [1, 8, 8],
  [8, 1, 1],
  [4, 3, 3],
  [2, 4, 4],
  [2, 5, 5],
].map(([samples, rows, columns]) => ({ samples, rows, columns }));
/** Samples of a tile that is all of a picture of at most so many positions. */
const WHOLE_SAMPLES = [1, 2, 4, 8];
const MAX_WHOLE = 100;
/** Outputs of a lane. With two, a broadcast and a load of the patch serve both; four measured no better. */
const VECTORS = [1, 2];
/** More products per channel, or sums, take longer by far to compile and no less to compute. */
const MAX_PRODUCTS = 1024;
const MAX_SUMS = 200;
/** Filters of more taps than this are taken row by row. */
const MAX_TAPS = 25;
/** Cost of loading a texel, in products, by lanes: measured on lavapipe. */
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
    without: tile.whole ? [extent.top, extent.left] : [0, 0],
    patchRows: tile.whole ? extent.H : (tile.rows - 1) * step[0] + turnRows,
    patchColumns: tile.whole ? extent.W : (tile.columns - 1) * step[1] + S,
  };
}

/** The row (axis 0) or column (1) of the patch that a tap of position i sees; undefined for padding that it leaves out. */
export function seen({ step, without, patchRows, patchColumns }: Turn, axis: 0 | 1, i: number, tap: Tap) {
  const at = i * step[axis] + (axis === 0 ? tap.row : tap.column) - without[axis];
  return at >= 0 && at < (axis === 0 ? patchRows : patchColumns) ? at : undefined;
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Sums of a lane for one phase. */
const sumsOf = ({ samples, rows, columns, vectors }: Tile): number => samples * rows * columns * vectors;

/** Products of a lane with one channel in one turn. */
function productsOf(turn: Turn, { samples, rows, columns, vectors }: Tile): number {
  const taps = turn.taps.flat();
  const along = (axis: 0 | 1, count: number, tap: Tap) =>
    Array.from({ length: count }, (_, i) => seen(turn, axis, i, tap)).filter((at) => at !== undefined).length;
  return samples * vectors * sum(taps.map((tap) => along(0, rows, tap) * along(1, columns, tap)));
}

/** Work of all subgroups per texel of channels, in products, counting what hangs over the edge. */
function costOf(filter: SimdFilter, extent: Extent, tile: Tile): number {
  const { lanes, channels } = filter;
  const { N, P, Q, outputs } = extent;
  const turn = turnOf(filter, extent, tile);
  const patch = tile.samples * turn.patchRows * turn.patchColumns;
  const loads = tile.vectors * sum(turn.taps.map(({ length }) => length)) + Math.ceil(patch / lanes);
  const work = turn.turns * (channels * (productsOf(turn, tile) + patch) + loads * loadCost(lanes));
  const tiles = Math.ceil(N / tile.samples) * Math.ceil(P / tile.rows) * Math.ceil(Q / tile.columns);
  return tiles * Math.ceil(outputs / lanes / tile.vectors) * work;
}

/** Tiles of a few sizes, and all of a picture with padding where it is small. */
function tilesFor({ R, S, stride }: SimdFilter, { P, Q, H, W, top, left }: Extent): Tile[] {
  const padded = top > 0 || left > 0 || P + R - 1 - top > H || Q + S - 1 - left > W;
  const small = stride === 1 && R * S <= MAX_TAPS && padded && P * Q <= MAX_WHOLE;
  const whole = small ? WHOLE_SAMPLES.map((samples) => ({ samples, rows: P, columns: Q, whole: true })) : [];
  const tiles = [...TILES.map((tile) => ({ ...tile, whole: false })), ...whole];
  return VECTORS.flatMap((vectors) => tiles.map((tile) => ({ ...tile, vectors })));
}

/** The tile with the least work. */
export function chooseTile(filter: SimdFilter, extent: Extent): Tile {
  const fits = (tile: Tile): boolean => {
    const turn = turnOf(filter, extent, tile);
    const divides = tile.vectors === 1 || extent.outputs % (tile.vectors * filter.lanes) === 0;
    const small = productsOf(turn, tile) <= MAX_PRODUCTS && turn.taps.length * sumsOf(tile) <= MAX_SUMS;
    return divides && tile.samples <= extent.N && (small || sumsOf(tile) === 1);
  };
  return tilesFor(filter, extent)
    .filter(fits)
    .reduce((best, tile) => (costOf(filter, extent, tile) < costOf(filter, extent, best) ? tile : best));
}

/** costOf with the best tile, of a sample by itself. */
export function convolutionCost(filter: SimdFilter, shape: Omit<Extent, 'N'>): number {
  const extent = { ...shape, N: 1 };
  return costOf(filter, extent, chooseTile(filter, extent));
}
