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

import { TEXELS_PER_ROW } from './op.ts';

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
export interface SpectrumGeometry extends SpectrumSizes {
  /** residues of rows */
  R: number;
  /** frequencies of one, and their pairs (g, G - g) */
  G: number;
  PAIRS: number;
  /** most rows of a residue on one side of its middle row */
  REACH: number;
  /** the middle column */
  MIDDLE: number;
}

export function spectrumGeometry(sizes: SpectrumSizes): SpectrumGeometry {
  const { H, ROWS, COLUMNS } = sizes;
  const R = H % 4 === 0 ? 4 : 1;
  const REACH = Math.floor(Math.ceil(ROWS / R) / 2);
  return {
    ...sizes,
    R,
    G: H / R,
    PAIRS: Math.floor(H / R / 2) + 1,
    REACH,
    MIDDLE: Math.floor(COLUMNS / 2),
  };
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
  scale: 'var<storage, read> scale : array<f32>',
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
