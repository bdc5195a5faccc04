// The inverse DFT of a window for adapters that run a subgroup as one SIMD vector (see simdConvolution.ts for why):
// lanes own columns, a subgroup computes a tile of rows, and what all lanes need alike is loaded by the lanes in
// turn and broadcast. Three ops in place of spectrumColumns and spectrumRows, with far fewer products:
//
// fold      One radix-4 step along fy. Rows y = first + r + 4m, r = 0..3, see only G = H/4 frequencies each:
//               q_r[g] = W^{g y_r} sum_j scale p[g + G j] i^{j y_r}         W = e^{i tau / H},  y_r the middle row of r
//           stored as sums and differences S, D = q[g] +- q[G - g], which the next op wants.
// columns   Rows at distance m of the middle one, on both sides at once:  z(+-m) = E +- i O,
//               E = sum_g S cos(tau g m / G),   O = sum_g D sin(tau g m / G)       g = 0 .. G/2
//           times the phase e^{i tau fx x_middle / W} and the weight of column fx (1 or 2, and the norm); both rows
//           are stored side by side.
// rows      Columns at distance d of the middle one, likewise:  y(+-d) = P -+ Q,
//               P = sum_fx Re z cos(tau fx d / W),   Q = sum_fx Im z sin(tau fx d / W)
//
// The gradients run the same way back. Sums over frequencies run from high to low, from small terms to large.
// Where H is no multiple of 4 there is no radix step: G = H, r = 0.
//
// Columns and rows are matrix products with a table of turns. A turn of their loop takes four terms of the sums, which do
// not all fit the registers, so that they are fetched and stored once per four products.

import { TEXELS_PER_ROW } from './op.ts';
import { type Radix, radixOf } from './spectrumRecords.ts';

/** Sizes of the three ops: images [C,H,W], F columns of frequencies, a window of ROWS x COLUMNS. */
export interface SpectrumSizes {
  lanes: number;
  C: number;
  H: number;
  W: number;
  F: number;
  ROWS: number;
  COLUMNS: number;
}

/** What follows from the sizes. */
export interface SpectrumGeometry extends SpectrumSizes, Radix {
  /** most rows of a residue on one side of its middle row */
  REACH: number;
  /** the middle column */
  MIDDLE: number;
}

export function spectrumGeometry(sizes: SpectrumSizes): SpectrumGeometry {
  const { H, ROWS, COLUMNS } = sizes;
  const radix = radixOf(H);
  const REACH = Math.floor(Math.ceil(ROWS / radix.R) / 2);
  return { ...sizes, ...radix, REACH, MIDDLE: Math.floor(COLUMNS / 2) };
}

export const range = (count: number): number[] => [...Array(count).keys()];
export const each = (count: number, line: (i: number) => string, separator = ' '): string =>
  range(count).map(line).join(separator);

/** As few tiles as `most` rows in each allow, all about the same size. */
export function tileOf(rows: number, most: number): { T: number; TILES: number } {
  const TILES = Math.ceil(rows / most);
  return { T: Math.ceil(rows / TILES), TILES };
}

const DECLARATIONS: Record<string, string> = {
  origins: 'var<storage, read> origins : array<vec2u>',
  clock: 'var<storage, read> clock : array<u32>',
  turns: 'var<storage, read> turns : array<vec2f>',
  across: 'var<storage, read> across : array<vec2f>',
  texture: 'texture_storage_2d<rgba32float, read>',
};

/** `bindings` are names, or names with their WGSL type: buffers, or "texture". */
export function module(
  entryPoint: string,
  geometry: SpectrumGeometry & Record<string, number>,
  bindings: Record<string, string | true>,
  body: string,
): string {
  const declarations = Object.entries(bindings).map(([name, type], i) => {
    const declared =
      type === true
        ? DECLARATIONS[name]
        : type === 'texture'
          ? `var ${name} : ${DECLARATIONS.texture}`
          : type;
    return `@group(0) @binding(${i}) ${declared};`;
  });
  const constants = Object.entries(geometry).map(
    ([name, value]) => `const ${name.toUpperCase()} = ${value};`,
  );
  return `enable subgroups;
override ACCUMULATE : bool = false;
${constants.join(' ')}
${declarations.join('\n')}

fn texel(i : u32) -> vec2u { return vec2u(i % ${TEXELS_PER_ROW}, i / ${TEXELS_PER_ROW}); }
fn times(a : vec2f, b : vec2f) -> vec2f { return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
fn conjugate(a : vec2f) -> vec2f { return vec2f(a.x, -a.y); }

@compute @workgroup_size(LANES)
fn ${entryPoint}(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(subgroup_invocation_id) lane : u32,
) {
  let n = group.y;
  let origin = origins[clock[0] * groups.y + n];
${body}
}
`;
}

/** Terms of a sum that one turn of a loop adds up before they join the rest. */
export const BLOCK = 4;
/** Most sums of a lane, each four numbers. */
export const MOST_SUMS = 16;

/** WGSL of lane-held values: `line(i)` once per `lanes` rows of a tile. */
export const loads = (tile: number, { lanes }: SpectrumGeometry, line: (i: number) => string): string =>
  each(Math.ceil(tile / lanes), line);

/** The value of row i that a lane holds in `name`0, `name`1, ... */
export const held = (name: string, i: number, { lanes }: SpectrumGeometry): string =>
  `subgroupBroadcast(${name}${Math.floor(i / lanes)}, ${i % lanes}u)`;

/** The texel of `pairs` [n/2,n,4] with the turns of k i and k (i+1): (cos, sin) twice. i is even. */
export const turnsAt = (i: string, k: string, n: 'H' | 'W'): string =>
  `textureLoad(pairs, texel((${i}) / 2 * ${n} + ${k}))`;

/** Where the turn of term j of a block lies in the texels low and high. */
const TERMS = [
  { texel: 'low', cos: 'x', sin: 'y' },
  { texel: 'low', cos: 'z', sin: 'w' },
  { texel: 'high', cos: 'x', sin: 'y' },
  { texel: 'high', cos: 'z', sin: 'w' },
] as const;

/** WGSL: the sum over a block of `value(j)` times the cosine or sine of term j, in `low` and `high` with that suffix. */
export const block = (part: 'cos' | 'sin', value: (j: number) => string, suffix = ''): string => {
  const [a, b, c, d] = TERMS.map((term, j) => `${value(j)} * ${term.texel}${suffix}.${term[part]}`);
  return `((${d} + ${c}) + (${b} + ${a}))`;
};

/** The weight of column fx, 0 beyond W/2, times its phase. */
export const phase = ({ W, H }: SpectrumGeometry): string => `
fn phase(fx : u32, middle : u32) -> vec2f {
  const NORM = ${1 / (4 * Math.sqrt(H * W))};
  let weight = select(2 * NORM, NORM, fx == 0 || 2 * fx == W);
  return select(vec2f(0), weight * across[fx * middle % W], 2 * fx <= W);
}
`;
