// Writes the WGSL of a convolution for adapters that run a subgroup as one SIMD vector (software adapters above all).
// There an addressed load costs as much as ten multiplications, whatever the address, and a broadcast from a known
// lane costs one. So: a lane is an output channel, a subgroup computes a tile of pixels, the loads of a tile's patch
// are shared out among the lanes and broadcast, and all sums live in registers:
//
//   for every input channel c:   weight of each tap: one load, lane = output      patch: one load per `lanes` pixels
//                                for every output pixel:  y[pixel] += sum of broadcast(patch pixel) * weight[tap]
//
// A large filter (the stem's 7x7) is taken one row at a time, as if its rows were channels: the patch then is the
// tile's rows only, and more sums fit beside it.
//
// The text depends on filter, stride and tile alone; sizes are read from `shape`, so that few kernels serve all
// layers and windows: compiling one takes the driver about a second. The same loop computes the gradient of x: a
// stride-1 convolution of dy whose outputs are sub-pixels of a coarser grid (see fusedConv.ts).
// test/fixtures/simdConvolution.wgsl is what comes out for one case.

import type { SimdText } from './simdPass.ts';

/** What the text depends on. */
export interface SimdFilter {
  /** invocations of a subgroup, exactly */
  lanes: number;
  /** taps, rows and columns */
  R: number;
  S: number;
  stride: number;
}

/** What the kernel reads while it runs, in the order of SHAPE. */
export interface SimdShape {
  /** channels, rows and columns of what is read, [N,C,H,W] */
  C: number;
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

const SHAPE: readonly (keyof SimdShape)[] = ['C', 'H', 'W', 'P', 'Q', 'top', 'left', 'outputs', 'rectify'];

/** The names and the statements that differ between forward and gradient. */
export interface SimdKernel {
  entryPoint: string;
  /** declarations of bindings other than `shape`; must declare `read` and `weights` */
  declarations: string;
  read: string;
  weights: string;
  /** further whole numbers in `shape`, and their values */
  extra: Record<string, number>;
  /** statements that store `value` for lane `k` at position (`p`, `q`) of sample `n` */
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
  [2, 5],
  [4, 4],
  [5, 5],
  [4, 7],
].map(([rows, columns]) => ({ rows, columns }));
/** Above this many products per channel the loop body leaves the instruction cache and takes seconds to compile. */
const MAX_PRODUCTS = 512;
/** Products that are summed by themselves before they join the rest: fewer roundings of large numbers. */
const TERMS = 9;
/** Filters of more taps than this are taken row by row. */
const MAX_TAPS = 25;
/** Cost of a load in products, measured on lavapipe. */
const LOAD_COST = 30;

const range = (count: number): number[] => [...Array(count).keys()];

/** What one turn of the loop works on: all of the filter's rows, or one; and the patch they see from a tile. */
interface Turn {
  rows: number;
  /** filter rows per turn, and from one output row to the next in the patch */
  R: number;
  step: number;
  patchColumns: number;
  patch: number;
}

function turnOf({ R, S, stride }: SimdFilter, { rows, columns }: Tile): Turn {
  const apart = R * S > MAX_TAPS;
  const [turnRows, step] = apart ? [1, 1] : [R, stride];
  const patchColumns = (columns - 1) * stride + S;
  return {
    rows: apart ? R : 1,
    R: turnRows,
    step,
    patchColumns,
    patch: ((rows - 1) * step + turnRows) * patchColumns,
  };
}

/** The tile with the least work, counting what hangs over the edge. */
export function chooseTile(filter: SimdFilter, { P, Q }: Pick<SimdShape, 'P' | 'Q'>): Tile {
  const { lanes, R, S } = filter;
  const cost = (tile: Tile): number => {
    const { rows, patch, R: turnRows } = turnOf(filter, tile);
    const loads = turnRows * S + Math.ceil(patch / lanes);
    const work = tile.rows * tile.columns * R * S + rows * (patch + loads * LOAD_COST);
    return Math.ceil(P / tile.rows) * Math.ceil(Q / tile.columns) * work;
  };
  const products = (tile: Tile) => tile.rows * tile.columns * turnOf(filter, tile).R * S;
  const small = TILES.filter((tile) => tile.rows * tile.columns === 1 || products(tile) <= MAX_PRODUCTS);
  return small.reduce((best, tile) => (cost(tile) < cost(best) ? tile : best));
}

/** The text of the kernel, the numbers of `shape` for it, and how many workgroups cover the result. */
export function simdConvolution(
  filter: SimdFilter,
  shape: SimdShape,
  kernel: SimdKernel,
): SimdText & { shape: number[] } {
  const { lanes, S } = filter;
  const tile = chooseTile(filter, shape);
  const turn = turnOf(filter, tile);
  const loads = range(Math.ceil(turn.patch / lanes));
  const across = Math.ceil(shape.Q / tile.columns);
  const groups = Math.ceil(shape.outputs / lanes);
  const names = [...SHAPE, 'across', 'groups', ...Object.keys(kernel.extra)];
  const source = `enable subgroups;
struct Shape { ${names.map((name) => `${name} : i32`).join(', ')} }
@group(0) @binding(0) var<storage, read> shape : Shape;
${kernel.declarations}
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
  var plane = n * shape.C * shape.H * shape.W;
  for (var c = 0; c < shape.C; c++) {
    ${turn.rows > 1 ? `for (var r = 0; r < ${turn.rows}; r++) {` : 'const r = 0;'}
    ${range(turn.R * S)
      .map((t) => `let w${t} = ${kernel.weights}[row + ${t} * shape.outputs];`)
      .join(' ')}
    ${loads.map((i) => patchLoad(kernel, i)).join(' ')}
${productBlocks(filter, turn, tile).join('\n')}
    row += ${turn.R * S} * shape.outputs;
    ${turn.rows > 1 ? '}\n    ' : ''}plane += shape.H * shape.W;
  }
  if (k >= shape.outputs) { return; }
${range(tile.rows * tile.columns)
  .map((i) => storeCall(tile, i))
  .join('\n')}
}

fn store(n : i32, k : i32, p : i32, q : i32, value : f32) {
  ${kernel.store}
}
`;
  const numbers = [...SHAPE.map((name) => shape[name]), across, groups, ...Object.values(kernel.extra)];
  return { source, workgroups: groups * across * Math.ceil(shape.P / tile.rows), shape: numbers };
}

function patchAddress({ lanes, stride }: SimdFilter, { rows, patch, patchColumns }: Turn, i: number): string {
  const bounded = (i + 1) * lanes > patch ? `j${i} < ${patch} && ` : '';
  const apart = rows > 1 ? ` * ${stride}` : '';
  return [
    `  let j${i} = i32(lane) + ${i * lanes};`,
    `let h${i} = first_p * ${stride} - shape.top + j${i} / ${patchColumns}${apart};`,
    `let v${i} = first_q * ${stride} - shape.left + j${i} % ${patchColumns};`,
    `let inside${i} = ${bounded}v${i} >= 0 && v${i} < shape.W;`,
  ].join(' ');
}

/** Not one max() with a bound that depends: that would turn NaN into a number where nothing is rectified. */
const patchLoad = ({ read }: SimdKernel, i: number): string =>
  [
    `let in${i} = inside${i} && h${i} + r >= 0 && h${i} + r < shape.H;`,
    `let f${i} = ${read}[plane + select(0, (h${i} + r) * shape.W + v${i}, in${i})];`,
    `let x${i} = select(0.0, select(f${i}, max(f${i}, 0.0), rectified), in${i});`,
  ].join(' ');

/** The products, in blocks of rows with at most 16 sums: more do not fit the registers at once. */
function productBlocks(
  { lanes, stride, S }: SimdFilter,
  { R, step, patchColumns }: Turn,
  { rows, columns }: Tile,
): string[] {
  const high = Math.max(1, Math.floor(16 / columns));
  return range(Math.ceil(rows / high)).map((block) => {
    const inBlock = range(Math.min(high, rows - block * high)).map((i) => block * high + i);
    const from = inBlock[0] * step * patchColumns;
    const to = (inBlock[inBlock.length - 1] * step + R) * patchColumns;
    const broadcasts = range(to - from).map((i) => {
      const pixel = from + i;
      return `let b${pixel} = subgroupBroadcast(x${Math.floor(pixel / lanes)}, ${pixel % lanes}u);`;
    });
    const products = inBlock.flatMap((i) =>
      range(columns).map((j) => {
        const terms = range(R * S).map((t) => {
          const pixel = (i * step + Math.floor(t / S)) * patchColumns + j * stride + (t % S);
          return `b${pixel} * w${t}`;
        });
        const parts = range(Math.ceil(terms.length / TERMS)).map((part) =>
          terms.slice(part * TERMS, (part + 1) * TERMS),
        );
        return parts.map((part) => `y${i * columns + j} += ${part.join(' + ')};`).join(' ');
      }),
    );
    return `    {\n      ${broadcasts.join(' ')}\n      ${products.join('\n      ')}\n    }`;
  });
}

function storeCall({ columns }: Tile, i: number): string {
  const [p, q] = [`first_p + ${Math.floor(i / columns)}`, `first_q + ${i % columns}`];
  return `  if (${p} < shape.P && ${q} < shape.Q) { store(n, k, ${p}, ${q}, y${i}); }`;
}
