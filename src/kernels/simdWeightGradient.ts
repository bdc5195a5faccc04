// Writes the WGSL of the gradient of a convolution's weights for adapters that run a subgroup as one SIMD vector
// (simdConvolution.ts says what is dear there). A lane is an output channel k. For a tile of output pixels it loads dy
// of its channel; the patch of x behind the tile is shared out among the lanes, four input channels to a texel, and
// broadcast; the sums of four input channels and all taps live in registers:
//
//   for every sample of a group, for every tile of it:
//     for every pixel, input channel and tap:     dw[k,c,tap] += broadcast(patch pixel)[c] * dy[k,pixel]
//
// A filter of many taps (the stem's 7x7) is taken one row at a time. A second kernel adds up the groups of samples, in
// order: how many there are follows from shapes alone. The text depends on filter, stride and tile.

import { type Shape, TEXELS_PER_ROW } from './op.ts';
import { loadCost, type SimdFilter, type Tile as Tiles } from './simdTiles.ts';

type Tile = Pick<Tiles, 'rows' | 'columns'>;

/** What the kernels read while they run, in the order of SHAPE. x is [N,C4,H,W,4], dy [N,K4,P,Q,4], dw [K,C,R,S]. */
export interface WeightGradientShape {
  N: number;
  C: number;
  H: number;
  W: number;
  K: number;
  P: number;
  Q: number;
  /** the first position's first tap is at row -top and column -left */
  top: number;
  left: number;
}

const SHAPE: readonly (keyof WeightGradientShape)[] = ['N', 'C', 'H', 'W', 'K', 'P', 'Q', 'top', 'left'];

const TILES: readonly Tile[] = [
  { rows: 4, columns: 4 },
  { rows: 2, columns: 2 },
  { rows: 1, columns: 1 },
];
/** Filters of more taps than this are taken row by row. */
const MAX_TAPS = 9;
/** Subgroups that keep the cores of a software adapter busy. */
const WIDE = 32;

const range = (count: number): number[] => [...Array(count).keys()];

export interface WeightGradient {
  source: string;
  /** subgroups of the first kernel, per group of samples */
  workgroups: number;
  groups: number;
  /** what the text reads from `shape`; ACCUMULATE follows */
  shape: number[];
}

/** Entry points `group_w` and `backward_w`; between them `parts` [groups,K,C,R,S]. */
export function simdWeightGradient(filter: SimdFilter, shape: WeightGradientShape): WeightGradient {
  const { lanes, R, S } = filter;
  const { N, C, K } = shape;
  const rows = R * S > MAX_TAPS ? R : 1;
  const blocks = Math.ceil(K / lanes);
  const workgroups = blocks * Math.ceil(C / 4) * rows;
  const samples = Math.ceil(N / Math.min(N, Math.ceil(WIDE / workgroups)));
  const groups = Math.ceil(N / samples);
  const numbers = { ...shape, blocks, samples, groups };
  return {
    source: textOf(filter, chooseTile(filter, shape), rows),
    workgroups,
    groups,
    shape: Object.values(numbers),
  };
}

/** The tile with the least work, counting what hangs over the edge. */
function chooseTile({ lanes, R, S, stride, channels }: SimdFilter, { P, Q }: WeightGradientShape): Tile {
  const turnR = R * S > MAX_TAPS ? 1 : R;
  const cost = ({ rows, columns }: Tile): number => {
    const patch = ((rows - 1) * stride + turnR) * ((columns - 1) * stride + S);
    const loads = (rows * columns + Math.ceil(patch / lanes)) * loadCost(lanes);
    const products = channels * (rows * columns * turnR * S + patch);
    return Math.ceil(P / rows) * Math.ceil(Q / columns) * (loads + products);
  };
  return TILES.reduce((best, tile) => (cost(tile) < cost(best) ? tile : best));
}

/** Names of the loop's numbers, beside those of SHAPE. */
const EXTRA = ['blocks', 'samples', 'groups', 'accumulate'];

function textOf({ lanes, R, S, stride, channels }: SimdFilter, tile: Tile, rows: number): string {
  const turnR = R / rows;
  const patchColumns = (tile.columns - 1) * stride + S;
  const patch = ((tile.rows - 1) * stride + turnR) * patchColumns;
  const loads = range(Math.ceil(patch / lanes));
  const pixels = range(tile.rows * tile.columns);
  const sums = range(channels * turnR * S);
  const patchLoad = (i: number): string => {
    const j = `(i32(lane) + ${i * lanes})`;
    const bounded = (i + 1) * lanes > patch ? `${j} < ${patch} && ` : '';
    return `let h${i} = p * ${stride} - shape.top + r + ${j} / ${patchColumns}; let v${i} = q * ${stride} - shape.left + ${j} % ${patchColumns};
        let in${i} = ${bounded}h${i} >= 0 && h${i} < shape.H && v${i} >= 0 && v${i} < shape.W;
        let x${i} = select(vec4f(), textureLoad(x, texel(select(0, x_plane + h${i} * shape.W + v${i}, in${i}))), in${i});`;
  };
  const dyLoad = (i: number): string => {
    const [a, b] = [Math.floor(i / tile.columns), i % tile.columns];
    return `let in_d${i} = owns && p + ${a} < shape.P && q + ${b} < shape.Q; let d${i} = select(0.0, dy[select(0, dy_plane + 4 * ((p + ${a}) * shape.Q + q + ${b}), in_d${i})], in_d${i});`;
  };
  const products = (channel: number): string =>
    pixels
      .map((i) => {
        const first = Math.floor(i / tile.columns) * stride * patchColumns + (i % tile.columns) * stride;
        return range(turnR * S)
          .map((t) => {
            const pixel = first + Math.floor(t / S) * patchColumns + (t % S);
            return `s${channel * turnR * S + t} += b${pixel} * d${i};`;
          })
          .join(' ');
      })
      .join('\n          ');
  const broadcasts = (channel: number): string =>
    range(patch)
      .map((j) => `let b${j} = subgroupBroadcast(x${Math.floor(j / lanes)}[${channel}], ${j % lanes}u);`)
      .join(' ');
  return `enable subgroups;
struct Shape { ${[...SHAPE, ...EXTRA].map((name) => `${name} : i32`).join(', ')} }
@group(0) @binding(0) var<storage, read> shape : Shape;
@group(0) @binding(1) var x : texture_storage_2d<rgba32float, read>;     // [N,C/4,H,W,4]
@group(0) @binding(2) var<storage, read> dy : array<f32>;                // [N,K/4,P,Q,4]
@group(0) @binding(3) var<storage, read_write> parts : array<f32>;       // [groups,K,C,R,S]
@group(0) @binding(4) var<storage, read_write> dw : array<f32>;          // [K,C,R,S]

fn texel(i : i32) -> vec2i { return vec2i(i % ${TEXELS_PER_ROW}, i / ${TEXELS_PER_ROW}); }

@compute @workgroup_size(${lanes})
fn group_w(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32) {
  let k = i32(group.x) % shape.blocks * ${lanes} + i32(lane);
  let c = i32(group.x) / shape.blocks / ${rows};
  let r = i32(group.x) / shape.blocks % ${rows};
  let owns = k < shape.K;
  ${sums.map((i) => `var s${i} = 0.0;`).join(' ')}
  for (var n = i32(group.y) * shape.samples; n < min(shape.N, (i32(group.y) + 1) * shape.samples); n++) {
    let x_plane = (n * ((shape.C + 3) / 4) + c) * shape.H * shape.W;
    let dy_plane = 4 * (n * ((shape.K + 3) / 4) + k / 4) * shape.P * shape.Q + k % 4;
    for (var p = 0; p < shape.P; p += ${tile.rows}) {
      for (var q = 0; q < shape.Q; q += ${tile.columns}) {
        ${loads.map(patchLoad).join('\n        ')}
        ${pixels.map(dyLoad).join('\n        ')}
${range(channels)
  .map((channel) => `        { ${broadcasts(channel)}\n          ${products(channel)} }`)
  .join('\n')}
      }
    }
  }
  if (!owns) { return; }
  var sums = array<f32, ${sums.length}>(${sums.map((i) => `s${i}`).join(', ')});
  let first = (i32(group.y) * shape.K + k) * shape.C;
  for (var i = 0; i < ${sums.length}; i++) {
    let channel = 4 * c + i / ${turnR * S};
    if (channel < shape.C) { parts[(first + channel) * ${R * S} + r * ${S} + i % ${turnR * S}] = sums[i]; }
  }
}

@compute @workgroup_size(64)
fn backward_w(@builtin(global_invocation_id) id : vec3u) {
  let size = shape.K * shape.C * ${R * S};
  let i = i32(id.x);
  if (i >= size) { return; }
  var sum = 0.0;
  for (var part = 0; part < shape.groups; part++) { sum += parts[part * size + i]; }
  if (shape.accumulate == 1) { sum += dw[i]; }
  dw[i] = sum;
}
`;
}

/** The tensor between the two kernels. */
export const partsOf = (w: Shape, { groups }: WeightGradient): Shape => [groups, ...w];
