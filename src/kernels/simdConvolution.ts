// Writes the WGSL of a convolution for adapters that run a subgroup as one SIMD vector (software adapters above all).
// There an addressed load costs as much as ten multiplications, whatever the address, and a broadcast from a known
// lane costs one. So: a lane is an output channel or two, a subgroup computes a tile of pixels, the loads of a tile's
// patch are shared out among the lanes and broadcast, and all sums live in registers. Loads are texels of four channels
// (op.ts), which cost a quarter of what buffers do:
//
//   for every four input channels c:   weight of each tap: one load, lane = output     patch: one load per `lanes` pixels
//     for every output pixel:          y[pixel] += sum over c and taps of broadcast(patch pixel) * weight[tap]
//
// A large filter (the stem's 7x7) is taken one row at a time, as if its rows were channels: the patch then is the
// tile's rows only, and more sums fit beside it. A tile may span samples, or be as wide or high as a picture: then no
// product with padding on those sides is written (simdTiles.ts).
//
// The text depends on filter, stride and tile alone; sizes are read from `shape` (but where a tile is a whole picture), so
// that few kernels serve all layers and windows: compiling one takes the driver about a second. The same loop computes the gradient of x: a
// stride-1 convolution of dy with stride^2 results per position, its phases, each with the taps that reach it. They
// are outputs of their own, or, where a lane has channels enough without, sums of the same lane (see fusedConv.ts).
// test/fixtures/simdConvolution.wgsl is what comes out for one case.

import { TEXELS_PER_ROW } from './op.ts';
import type { SimdText } from './simdPass.ts';
import {
  type Block,
  blocksOf,
  chooseTile,
  type Extent,
  type SimdFilter,
  seen,
  type Tap,
  type Tile,
  type Turn,
  turnOf,
} from './simdTiles.ts';

/** What the kernel reads while it runs, in the order of SHAPE; of `outputs` it is told a lane's share. */
export interface SimdShape extends Extent {
  /** planes of texels of what is read, [N,C4,H,W,4] */
  C4: number;
  /** 1: read max(x, 0) */
  rectify: number;
}

const SHAPE: readonly (keyof SimdShape)[] = [
  'N',
  'C4',
  'H',
  'W',
  'P',
  'Q',
  'top',
  'left',
  'outputs',
  'rectify',
];

/** The names and the statements around the loop. */
export interface SimdKernel {
  entryPoint: string;
  /** declarations of bindings other than `shape`; must declare the textures `read` and `weights` */
  declarations: string;
  /** [N,C4,H,W,4] */
  read: string;
  /** [C4,weights,outputs,4] */
  weights: string;
  /** further whole numbers in `shape` */
  extra: readonly string[];
  /** statements for result `phase * shape.outputs + k` (`reached` by any tap?) of sample `n`, before it is stored */
  prepare: string;
  /** statements that store `value` at position (`p`, `q`); `continue` leaves it out */
  store: string;
}

const range = (count: number): number[] => [...Array(count).keys()];

/** The text of the kernel, the numbers of `shape` for it, and how many workgroups cover the result. */
export function simdConvolution(
  filter: SimdFilter,
  shape: SimdShape,
  kernel: SimdKernel,
  extra: Readonly<Record<string, number>>,
): SimdText & { shape: number[] } {
  const { lanes } = filter;
  const tile = chooseTile(filter, shape);
  const turn = turnOf(filter, shape, tile);
  const loads = range(Math.ceil((tile.samples * turn.patchRows * turn.patchColumns) / lanes));
  const positions = tile.samples * tile.rows * tile.columns;
  const parts = turn.taps.length * tile.vectors;
  const sums = range(parts * positions);
  const across = Math.ceil(shape.Q / tile.columns);
  const outputs = shape.outputs / tile.vectors;
  const groups = Math.ceil(outputs / lanes);
  const told = { outputs, top: shape.top - turn.without[0], left: shape.left - turn.without[1] };
  const names = [...SHAPE, 'across', 'groups', ...kernel.extra];
  const source = `enable subgroups;
struct Shape { ${names.map((name) => `${name} : i32`).join(', ')} }
@group(0) @binding(0) var<storage, read> shape : Shape;
${kernel.declarations}

/** 1 for 0 <= i < size, else 0. */
fn within(i : i32, size : i32) -> f32 { return select(0.0, 1.0, i >= 0 && i < size); }

fn texel(i : i32) -> vec2i { return vec2i(i % ${TEXELS_PER_ROW}, i / ${TEXELS_PER_ROW}); }

@compute @workgroup_size(${lanes})
fn ${kernel.entryPoint}(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32) {
  let first_n = i32(group.y) * ${tile.samples};
  let k = i32(group.x) % shape.groups * ${lanes} + i32(lane);
  let first_p = i32(group.x) / shape.groups / shape.across * ${tile.rows};
  let first_q = i32(group.x) / shape.groups % shape.across * ${tile.columns};
  let rectified = shape.rectify == 1;

  // where this lane's share of the patch lies
${loads.map((i) => patchAddress(filter, tile, turn, i)).join('\n')}

  ${sums.map((i) => `var y${i} = 0.0;`).join(' ')}
  var row = min(k, shape.outputs - 1);
  var plane = 0;
  for (var c = 0; c < shape.C4; c++) {
    ${turn.turns > 1 ? `for (var r = 0; r < ${turn.turns}; r++) {` : 'const r = 0;'}
    ${turn.taps
      .flat()
      .flatMap(({ weight }) => range(tile.vectors).map((v) => weight * tile.vectors + v))
      .map((at, i) => `let w${i} = textureLoad(${kernel.weights}, texel(row + ${at} * shape.outputs));`)
      .join(' ')}
    ${loads.map((i) => patchLoad(kernel, i)).join(' ')}
${productBlocks(filter, turn, tile).join('\n')}
    row += ${turn.weights * tile.vectors} * shape.outputs;
    ${turn.turns > 1 ? '}\n    ' : ''}plane += shape.H * shape.W;
  }
  if (k >= shape.outputs) { return; }
  // in loops, so that the compiler meets the statements once
  var sums = array<f32, ${sums.length}>(${sums.map((i) => `y${i}`).join(', ')});
  for (var part = 0; part < ${parts * tile.samples}; part++) {
    let phase = part / ${tile.samples};
    let reached = array<bool, ${parts}>(${turn.taps.flatMap(({ length }) => range(tile.vectors).map(() => length > 0)).join(', ')})[phase];
    let n = first_n + part % ${tile.samples};
    if (n >= shape.N) { continue; }
    ${kernel.prepare}
    for (var p = first_p; p < min(first_p + ${tile.rows}, shape.P); p++) {
      for (var q = first_q; q < min(first_q + ${tile.columns}, shape.Q); q++) {
        let value = sums[(part * ${tile.rows} + p - first_p) * ${tile.columns} + q - first_q];
        ${kernel.store}
      }
    }
  }
}
`;
  const numbers = [
    ...SHAPE.map((name) => ({ ...shape, ...told })[name]),
    across,
    groups,
    ...kernel.extra.map((name) => extra[name]),
  ];
  const workgroups = groups * across * Math.ceil(shape.P / tile.rows);
  return { source, workgroups, samples: tile.samples, shape: numbers };
}

/** The texel that load i of a lane begins with, and a factor: 1 inside the picture, 0 beside it. */
function patchAddress(
  { lanes, stride }: SimdFilter,
  { samples }: Tile,
  { patchRows, patchColumns, spread }: Turn,
  i: number,
): string {
  const patch = patchRows * patchColumns;
  const bounded = (i + 1) * lanes > samples * patch ? ` * within(j${i}, ${samples * patch})` : '';
  const present = samples > 1 ? ` * within(n${i}, shape.N)` : '';
  const [rows, columns] = spread.map((by) => (by > 1 ? ` * ${by}` : ''));
  return [
    `  let j${i} = i32(lane) + ${i * lanes};`,
    `let n${i} = first_n + j${i} / ${patch};`,
    `let h${i} = first_p * ${stride} - shape.top + j${i} % ${patch} / ${patchColumns}${rows};`,
    `let v${i} = first_q * ${stride} - shape.left + j${i} % ${patchColumns}${columns};`,
    `let inside${i} = within(v${i}, shape.W)${bounded}${present};`,
    `let at${i} = min(n${i}, shape.N - 1) * shape.C4 * shape.H * shape.W + clamp(v${i}, 0, shape.W - 1);`,
  ].join(' ');
}

/** Not one max() with a bound that depends: that would turn NaN into a number where nothing is rectified. */
const patchLoad = ({ read }: SimdKernel, i: number): string =>
  [
    `let f${i} = textureLoad(${read}, texel(at${i} + plane + clamp(h${i} + r, 0, shape.H - 1) * shape.W));`,
    `let in${i} = inside${i} * within(h${i} + r, shape.H);`,
    `let x${i} = select(f${i}, max(f${i}, vec4f()), rectified) * in${i};`,
  ].join(' ');

/**
 * The products, block by block. What a turn adds to an output is summed by itself before it joins the rest: fewer
 * roundings of large numbers.
 */
function productBlocks(filter: SimdFilter, turn: Turn, tile: Tile): string[] {
  const { columns, vectors } = tile;
  const all = tile.samples * tile.rows;
  return turn.taps.flatMap((taps, phase) =>
    (taps.length > 0 ? blocksOf(tile) : []).map((block) => {
      const sums = range(vectors).flatMap((v) =>
        block.rows.flatMap((row) =>
          block.columns.map((j) => ((phase * vectors + v) * all + row) * columns + j),
        ),
      );
      const first = turn.taps.slice(0, phase).flat().length;
      const products = range(filter.channels).map((channel) =>
        productBlock(filter, turn, tile, { ...block, taps, first, phase, channel }),
      );
      const zero = sums.map((i) => `var z${i} = 0.0;`).join(' ');
      const add = sums.map((i) => `y${i} += z${i};`).join(' ');
      return products.map((product) => `    { ${zero}\n${product}\n    ${add} }`).join('\n');
    }),
  );
}

interface Products extends Block {
  taps: readonly Tap[];
  /** how many taps other phases have before these */
  first: number;
  phase: number;
  channel: number;
}

/** The products of a block with one of the four channels, line by line of the patch. */
function productBlock(
  { lanes }: SimdFilter,
  turn: Turn,
  { samples, rows: height, columns: width, vectors }: Tile,
  { rows, columns, taps, first, phase, channel }: Products,
): string {
  const { patchRows, patchColumns } = turn;
  // a tile's rows are those of its samples, one after the other
  const all = rows.flatMap((row) =>
    taps.flatMap((tap, i) => {
      const line = seen(turn, 0, row % height, tap);
      if (line === undefined) return [];
      return [{ row, tap, w: (first + i) * vectors, line: Math.floor(row / height) * patchRows + line }];
    }),
  );
  const lines = [...new Set(all.map(({ line }) => line))].sort((a, b) => a - b);
  return lines
    .map((line) => {
      const here = all.filter((product) => product.line === line).sort((a, b) => a.tap.column - b.tap.column);
      const columnsOf = (tap: Tap) =>
        columns.flatMap((j) => {
          const column = seen(turn, 1, j, tap);
          return column === undefined ? [] : [{ j, column }];
        });
      const broadcasts = [...new Set(here.flatMap(({ tap }) => columnsOf(tap).map(({ column }) => column)))]
        .sort((a, b) => a - b)
        .map((column) => {
          const pixel = line * patchColumns + column;
          return `let b${column} = subgroupBroadcast(x${Math.floor(pixel / lanes)}[${channel}], ${pixel % lanes}u);`;
        });
      const products = here.flatMap(({ row, tap, w }) =>
        range(vectors).map((v) => {
          const start = ((phase * vectors + v) * samples * height + row) * width;
          const sums = columnsOf(tap).map(({ j, column }) => `z${start + j} += b${column} * w;`);
          return `{ let w = w${w + v}[${channel}]; ${sums.join(' ')} }`;
        }),
      );
      return `      { ${broadcasts.join(' ')}\n        ${products.join('\n        ')} }`;
    })
    .join('\n');
}
