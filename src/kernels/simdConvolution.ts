// Writes the WGSL of a convolution for adapters that run a subgroup as one SIMD vector (software adapters above all).
// There an addressed load costs as much as ten multiplications, whatever the address, and a broadcast from a known
// lane costs one. So: a lane is an output channel, a subgroup computes a tile of pixels, the loads of a tile's patch
// are shared out among the lanes and broadcast, and all sums live in registers. Loads are texels of four channels
// (op.ts), which cost a quarter of what buffers do:
//
//   for every four input channels c:   weight of each tap: one load, lane = output     patch: one load per `lanes` pixels
//     for every output pixel:          y[pixel] += sum over c and taps of broadcast(patch pixel) * weight[tap]
//
// A large filter (the stem's 7x7) is taken one row at a time, as if its rows were channels: the patch then is the
// tile's rows only, and more sums fit beside it.
//
// The text depends on filter, stride and tile alone; sizes are read from `shape`, so that few kernels serve all
// layers and windows: compiling one takes the driver about a second. The same loop computes the gradient of x: a
// stride-1 convolution of dy whose outputs are sub-pixels of a coarser grid (see fusedConv.ts).
// test/fixtures/simdConvolution.wgsl is what comes out for one case.

import { TEXELS_PER_ROW } from './op.ts';
import type { SimdText } from './simdPass.ts';

/** What the text depends on. */
export interface SimdFilter {
  /** invocations of a subgroup, exactly */
  lanes: number;
  /** taps, rows and columns */
  R: number;
  S: number;
  stride: number;
  /** of the four in a texel, those that are not padding */
  channels: number;
}

/** What the kernel reads while it runs, in the order of SHAPE. */
export interface SimdShape {
  /** planes of texels, rows and columns of what is read, [N,C4,H,W,4] */
  C4: number;
  H: number;
  W: number;
  /** positions computed, rows and columns */
  P: number;
  Q: number;
  /** the first position's first tap is at row -top and column -left */
  top: number;
  left: number;
  /** results per position, of which a lane owns one */
  outputs: number;
  /** 1: read max(x, 0) */
  rectify: number;
}

const SHAPE: readonly (keyof SimdShape)[] = ['C4', 'H', 'W', 'P', 'Q', 'top', 'left', 'outputs', 'rectify'];

/** The names and the statements around the loop. */
export interface SimdKernel {
  entryPoint: string;
  /** declarations of bindings other than `shape`; must declare the textures `read` and `weights` */
  declarations: string;
  /** [N,C4,H,W,4] */
  read: string;
  /** [C4,R*S,outputs,4] */
  weights: string;
  /** further whole numbers in `shape` */
  extra: readonly string[];
  /** statements for lane `k` of sample `n`, before its results are stored */
  prepare: string;
  /** statements that store `value` at position (`p`, `q`); `continue` leaves it out */
  store: string;
}

export interface Tile {
  rows: number;
  columns: number;
}

/** Few, so that few kernels are compiled. */
const TILES: readonly Tile[] = [
  [1, 1],
  [3, 3],
  [3, 5],
  [4, 4],
  [5, 5],
  [4, 7],
  [6, 6],
  [5, 7],
  [7, 7],
].map(([rows, columns]) => ({ rows, columns }));
/** Above this many products per channel the loop body leaves the instruction cache and takes seconds to compile. */
const MAX_PRODUCTS = 512;
/** Filters of more taps than this are taken row by row. */
const MAX_TAPS = 25;
/** Cost of loading a texel, in products, by lanes: measured on lavapipe. */
export const loadCost = (lanes: number): number => (lanes > 8 ? 55 : 20);

const range = (count: number): number[] => [...Array(count).keys()];

/** What one turn of the loop works on: all of the filter's rows, or one; and the patch they see from a tile. */
interface Turn {
  rows: number;
  /** filter rows per turn */
  R: number;
  /** from one output to the next in the patch, rows and columns */
  step: readonly [number, number];
  /** from one row or column of the patch to the next in x */
  spread: readonly [number, number];
  patchColumns: number;
  patch: number;
}

function turnOf({ R, S, stride }: SimdFilter, { rows, columns }: Tile): Turn {
  const apart = R * S > MAX_TAPS;
  const turnRows = apart ? 1 : R;
  // where one row of taps looks at every stride-th row only, the patch has no others
  const spread = [turnRows === 1 ? stride : 1, S === 1 ? stride : 1] as const;
  const step = [stride / spread[0], stride / spread[1]] as const;
  const patchColumns = (columns - 1) * step[1] + S;
  const patch = ((rows - 1) * step[0] + turnRows) * patchColumns;
  return { rows: apart ? R : 1, R: turnRows, step, spread, patchColumns, patch };
}

/** Work of a lane per texel of channels, in products, counting what hangs over the edge. */
function costOf(filter: SimdFilter, { P, Q }: Pick<SimdShape, 'P' | 'Q'>, tile: Tile): number {
  const { lanes, R, S, channels } = filter;
  const { rows, patch, R: turnRows } = turnOf(filter, tile);
  const loads = turnRows * S + Math.ceil(patch / lanes);
  const work =
    channels * tile.rows * tile.columns * R * S + rows * (channels * patch + loads * loadCost(lanes));
  return Math.ceil(P / tile.rows) * Math.ceil(Q / tile.columns) * work;
}

/** The tile with the least work. */
export function chooseTile(filter: SimdFilter, size: Pick<SimdShape, 'P' | 'Q'>): Tile {
  const products = (tile: Tile) => tile.rows * tile.columns * turnOf(filter, tile).R * filter.S;
  const small = TILES.filter((tile) => tile.rows * tile.columns === 1 || products(tile) <= MAX_PRODUCTS);
  return small.reduce((best, tile) =>
    costOf(filter, size, tile) < costOf(filter, size, best) ? tile : best,
  );
}

/** costOf with the best tile. */
export const convolutionCost = (filter: SimdFilter, size: Pick<SimdShape, 'P' | 'Q'>): number =>
  costOf(filter, size, chooseTile(filter, size));

/** The text of the kernel, the numbers of `shape` for it, and how many workgroups cover the result. */
export function simdConvolution(
  filter: SimdFilter,
  shape: SimdShape,
  kernel: SimdKernel,
  extra: Readonly<Record<string, number>>,
): SimdText & { shape: number[] } {
  const { lanes, S } = filter;
  const tile = chooseTile(filter, shape);
  const turn = turnOf(filter, tile);
  const loads = range(Math.ceil(turn.patch / lanes));
  const across = Math.ceil(shape.Q / tile.columns);
  const groups = Math.ceil(shape.outputs / lanes);
  const names = [...SHAPE, 'across', 'groups', ...kernel.extra];
  const source = `enable subgroups;
struct Shape { ${names.map((name) => `${name} : i32`).join(', ')} }
@group(0) @binding(0) var<storage, read> shape : Shape;
${kernel.declarations}

fn texel(i : i32) -> vec2i { return vec2i(i % ${TEXELS_PER_ROW}, i / ${TEXELS_PER_ROW}); }

@compute @workgroup_size(${lanes})
fn ${kernel.entryPoint}(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32) {
  let n = i32(group.y);
  let k = i32(group.x) % shape.groups * ${lanes} + i32(lane);
  let first_p = i32(group.x) / shape.groups / shape.across * ${tile.rows};
  let first_q = i32(group.x) / shape.groups % shape.across * ${tile.columns};
  let rectified = shape.rectify == 1;

  // where this lane's share of the patch lies in a plane
${loads.map((i) => patchAddress(filter, turn, i)).join('\n')}

  ${range(tile.rows * tile.columns)
    .map((i) => `var y${i} = 0.0;`)
    .join(' ')}
  var row = min(k, shape.outputs - 1);
  var plane = n * shape.C4 * shape.H * shape.W;
  for (var c = 0; c < shape.C4; c++) {
    ${turn.rows > 1 ? `for (var r = 0; r < ${turn.rows}; r++) {` : 'const r = 0;'}
    ${range(turn.R * S)
      .map((t) => `let w${t} = textureLoad(${kernel.weights}, texel(row + ${t} * shape.outputs));`)
      .join(' ')}
    ${loads.map((i) => patchLoad(kernel, i)).join(' ')}
${productBlocks(filter, turn, tile).join('\n')}
    row += ${turn.R * S} * shape.outputs;
    ${turn.rows > 1 ? '}\n    ' : ''}plane += shape.H * shape.W;
  }
  if (k >= shape.outputs) { return; }
  ${kernel.prepare}
  // in loops, so that the compiler meets the statements once
  var sums = array<f32, ${tile.rows * tile.columns}>(${range(tile.rows * tile.columns)
    .map((i) => `y${i}`)
    .join(', ')});
  for (var p = first_p; p < min(first_p + ${tile.rows}, shape.P); p++) {
    for (var q = first_q; q < min(first_q + ${tile.columns}, shape.Q); q++) {
      let value = sums[(p - first_p) * ${tile.columns} + q - first_q];
      ${kernel.store}
    }
  }
}
`;
  const numbers = [
    ...SHAPE.map((name) => shape[name]),
    across,
    groups,
    ...kernel.extra.map((name) => extra[name]),
  ];
  return { source, workgroups: groups * across * Math.ceil(shape.P / tile.rows), shape: numbers };
}

function patchAddress(
  { lanes, stride }: SimdFilter,
  { patch, patchColumns, spread }: Turn,
  i: number,
): string {
  const bounded = (i + 1) * lanes > patch ? `j${i} < ${patch} && ` : '';
  const [rows, columns] = spread.map((by) => (by > 1 ? ` * ${by}` : ''));
  return [
    `  let j${i} = i32(lane) + ${i * lanes};`,
    `let h${i} = first_p * ${stride} - shape.top + j${i} / ${patchColumns}${rows};`,
    `let v${i} = first_q * ${stride} - shape.left + j${i} % ${patchColumns}${columns};`,
    `let inside${i} = ${bounded}v${i} >= 0 && v${i} < shape.W;`,
  ].join(' ');
}

/** Not one max() with a bound that depends: that would turn NaN into a number where nothing is rectified. */
const patchLoad = ({ read }: SimdKernel, i: number): string =>
  [
    `let in${i} = inside${i} && h${i} + r >= 0 && h${i} + r < shape.H;`,
    `let f${i} = textureLoad(${read}, texel(plane + select(0, (h${i} + r) * shape.W + v${i}, in${i})));`,
    `let x${i} = select(f${i}, max(f${i}, vec4f()), rectified) * select(0.0, 1.0, in${i});`,
  ].join(' ');

/**
 * The products, in blocks of rows with at most 16 sums: more do not fit the registers at once. What a turn adds to an
 * output is summed by itself before it joins the rest: fewer roundings of large numbers.
 */
function productBlocks(filter: SimdFilter, turn: Turn, tile: Tile): string[] {
  const { columns } = tile;
  const high = Math.max(1, Math.floor(16 / columns));
  return range(Math.ceil(tile.rows / high)).map((block) => {
    const rows = range(Math.min(high, tile.rows - block * high)).map((i) => block * high + i);
    const sums = rows.flatMap((i) => range(columns).map((j) => i * columns + j));
    const products = range(filter.channels).map((channel) => productBlock(filter, turn, tile, rows, channel));
    const zero = sums.map((i) => `var z${i} = 0.0;`).join(' ');
    const add = sums.map((i) => `y${i} += z${i};`).join(' ');
    return products.map((product) => `    { ${zero}\n${product}\n    ${add} }`).join('\n');
  });
}

/** The products of some of a tile's rows with one of the four channels, tap by tap. */
function productBlock(
  { lanes, S }: SimdFilter,
  { R, step, patchColumns }: Turn,
  { columns }: Tile,
  rows: readonly number[],
  channel: number,
): string {
  const first = rows[0] * step[0];
  const last = rows[rows.length - 1] * step[0] + R;
  const lines = range(last - first).map((i) => {
    const row = first + i;
    const broadcasts = range(patchColumns).map((j) => {
      const pixel = row * patchColumns + j;
      return `let b${j} = subgroupBroadcast(x${Math.floor(pixel / lanes)}[${channel}], ${pixel % lanes}u);`;
    });
    const products = range(S).flatMap((column) =>
      rows
        .filter((r) => row >= r * step[0] && row < r * step[0] + R)
        .map((r) => {
          const tap = (row - r * step[0]) * S + column;
          const sums = range(columns).map((j) => `z${r * columns + j} += b${j * step[1] + column} * w;`);
          return `{ let w = w${tap}[${channel}]; ${sums.join(' ')} }`;
        }),
    );
    return `      { ${broadcasts.join(' ')}\n        ${products.join('\n        ')} }`;
  });
  return lines.join('\n');
}
