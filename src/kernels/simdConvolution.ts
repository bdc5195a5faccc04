// Writes the WGSL of a convolution for adapters that run a subgroup as one SIMD vector (software adapters above all).
// There an addressed load costs as much as ten multiplications, whatever the address, and a broadcast from a known
// lane costs one. So: a lane is an output channel, a subgroup computes a tile of pixels, the loads of a tile's patch
// are shared out among the lanes and broadcast, and all sums live in registers:
//
//   for every input channel c:   weight of each tap: one load, lane = output      patch: one load per `lanes` pixels
//                                for every output pixel:  y[pixel] += sum of broadcast(patch pixel) * weight[tap]
//
// The same loop computes the gradient of x: a stride-1 convolution of dy with turned weights whose outputs are the
// `step`^2 sub-pixels of a coarser grid times the channels (see packForGradient), stored apart.
// test/fixtures/simdConvolution.wgsl is what comes out for one shape.

import type { SimdText } from './simdPass.ts';

/** What is read, [N,C,H,W], and the taps over it. */
export interface SimdConvolution {
  /** invocations of a subgroup, exactly */
  lanes: number;
  C: number;
  H: number;
  W: number;
  /** positions computed, rows and columns */
  P: number;
  Q: number;
  /** taps, rows and columns */
  R: number;
  S: number;
  stride: number;
  /** row and column of the first position's first tap are -top and -left */
  top: number;
  left: number;
  /** results per position, of which a lane owns one */
  outputs: number;
  /** read max(x, 0) */
  rectify: boolean;
}

/** The names and the statements that differ between forward and gradient. */
export interface SimdKernel {
  entryPoint: string;
  /** declarations of bindings and functions; must declare `read` and `weights` */
  declarations: string;
  read: string;
  weights: string;
  /** statements that store `value` for lane `k` at position (`p`, `q`) of sample `n` */
  store: string;
}

export interface Tile {
  rows: number;
  columns: number;
}

const MAX_SUMS = 56;
/** Above this many products per channel the loop body leaves the instruction cache and takes seconds to compile. */
const MAX_PRODUCTS = 512;
/** Products that are summed by themselves before they join the rest: fewer roundings of large numbers. */
const TERMS = 9;
/** Cost of a load in products, measured on lavapipe. */
const LOAD_COST = 30;

const range = (count: number): number[] => [...Array(count).keys()];

/** The tile with the least work, counting what hangs over the edge. */
export function chooseTile({ lanes, P, Q, R, S, stride }: SimdConvolution): Tile {
  let best = { rows: 1, columns: 1, cost: Number.POSITIVE_INFINITY };
  for (let rows = 1; rows <= Math.min(P, 8); rows++)
    for (let columns = 1; columns <= Math.min(Q, 8); columns++) {
      const products = rows * columns * R * S;
      if (rows * columns > MAX_SUMS || (products > MAX_PRODUCTS && rows * columns > 1)) continue;
      const patch = ((rows - 1) * stride + R) * ((columns - 1) * stride + S);
      const loads = R * S + Math.ceil(patch / lanes);
      const cost = Math.ceil(P / rows) * Math.ceil(Q / columns) * (products + patch + loads * LOAD_COST);
      if (cost < best.cost) best = { rows, columns, cost };
    }
  return best;
}

/** The text of the kernel. */
export function simdConvolution(
  conv: SimdConvolution,
  kernel: SimdKernel,
  tile: Tile = chooseTile(conv),
): SimdText {
  const { lanes, outputs, stride, R, S } = conv;
  const groups = Math.ceil(outputs / lanes);
  const across = Math.ceil(conv.Q / tile.columns);
  const patchColumns = (tile.columns - 1) * stride + S;
  const patch = ((tile.rows - 1) * stride + R) * patchColumns;
  const source = `enable subgroups;
${kernel.declarations}
@compute @workgroup_size(${lanes})
fn ${kernel.entryPoint}(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32) {
  let n = group.y;
  let k = group.x % ${groups} * ${lanes} + lane;
  let first_p = i32(group.x / ${groups} / ${across}) * ${tile.rows};
  let first_q = i32(group.x / ${groups} % ${across}) * ${tile.columns};

  // where this lane's share of the patch lies in a plane
${range(Math.ceil(patch / lanes))
  .map((i) => patchAddress(conv, i, patch, patchColumns))
  .join('\n')}

  ${range(tile.rows * tile.columns)
    .map((i) => `var y${i} = 0.0;`)
    .join(' ')}
  let column = min(k, ${outputs - 1}u);
  for (var c = 0u; c < ${conv.C}; c++) {
    let plane = (n * ${conv.C} + c) * ${conv.H * conv.W};
    let row = c * ${R * S * outputs} + column;
    ${range(R * S)
      .map((t) => `let w${t} = ${kernel.weights}[row + ${t * outputs}];`)
      .join(' ')}
    ${range(Math.ceil(patch / lanes))
      .map((i) => patchLoad(conv, kernel, i))
      .join(' ')}
${productBlocks(conv, tile, patchColumns).join('\n')}
  }
  if (k >= ${outputs}) { return; }
${range(tile.rows * tile.columns)
  .map((i) => storeCall(conv, tile, i))
  .join('\n')}
}

fn store(n : u32, k : u32, p : i32, q : i32, value : f32) {
  ${kernel.store}
}
`;
  return { source, workgroups: groups * across * Math.ceil(conv.P / tile.rows) };
}

function patchAddress(
  { lanes, stride, top, left, H, W }: SimdConvolution,
  i: number,
  patch: number,
  columns: number,
): string {
  const bounded = (i + 1) * lanes > patch ? `j${i} < ${patch} && ` : '';
  return [
    `  let j${i} = i32(lane) + ${i * lanes};`,
    `let h${i} = first_p * ${stride} - (${top}) + j${i} / ${columns};`,
    `let v${i} = first_q * ${stride} - (${left}) + j${i} % ${columns};`,
    `let inside${i} = ${bounded}h${i} >= 0 && h${i} < ${H} && v${i} >= 0 && v${i} < ${W};`,
    `let at${i} = select(0u, u32(h${i} * ${W} + v${i}), inside${i});`,
  ].join(' ');
}

const patchLoad = ({ rectify }: SimdConvolution, { read }: SimdKernel, i: number): string => {
  const value = `${read}[plane + at${i}]`;
  return `let x${i} = select(0.0, ${rectify ? `max(${value}, 0.0)` : value}, inside${i});`;
};

/** The products, in blocks of rows with at most 16 sums: more do not fit the registers at once. */
function productBlocks(
  { lanes, stride, R, S }: SimdConvolution,
  { rows, columns }: Tile,
  patchColumns: number,
): string[] {
  const high = Math.max(1, Math.floor(16 / columns));
  return range(Math.ceil(rows / high)).map((block) => {
    const inBlock = range(Math.min(high, rows - block * high)).map((i) => block * high + i);
    const from = inBlock[0] * stride * patchColumns;
    const to = (inBlock[inBlock.length - 1] * stride + R) * patchColumns;
    const broadcasts = range(to - from).map(
      (i) =>
        `let b${from + i} = subgroupBroadcast(x${Math.floor((from + i) / lanes)}, ${(from + i) % lanes}u);`,
    );
    const products = inBlock.flatMap((i) =>
      range(columns).map((j) => {
        const term = (t: number) => {
          const pixel = (i * stride + Math.floor(t / S)) * patchColumns + j * stride + (t % S);
          return `b${pixel} * w${t}`;
        };
        const sums = range(Math.ceil((R * S) / TERMS)).map((part) =>
          range(R * S)
            .slice(part * TERMS, (part + 1) * TERMS)
            .map(term)
            .join(' + '),
        );
        return sums.map((sum) => `y${i * columns + j} += ${sum};`).join(' ');
      }),
    );
    return `    {\n      ${broadcasts.join(' ')}\n      ${products.join('\n      ')}\n    }`;
  });
}

function storeCall({ P, Q }: SimdConvolution, { columns }: Tile, i: number): string {
  const [p, q] = [`first_p + ${Math.floor(i / columns)}`, `first_q + ${i % columns}`];
  return `  if (${p} < ${P} && ${q} < ${Q}) { store(n, k, ${p}, ${q}, y${i}); }`;
}
