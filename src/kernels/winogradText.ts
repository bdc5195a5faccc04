// The texts of Winograd's way (simdWinograd.ts): patches at the points, their products with the weights there, and results.

import { OTHER } from './convolutionParts.ts';
import { TEXELS_PER_ROW } from './op.ts';

/** Results of a tile, and points, along a row. */
export const SIDE = 4;
export const POINTS = 6;
/** Outputs of a lane in the products: those of a texel. */
export const OUTPUTS = 4;

// the points, beside 0 and infinity, are these and their opposites
export const A = 5 / 8;
export const B = 3 / 2;
const [A2, B2] = [A * A, B * B];

const range = (count: number): number[] => [...Array(count).keys()];

/** What the result is besides the sums; see fusedConv.ts. */
const SURROUNDINGS = ['biased', 'other_is', 'other_H', 'other_W', 'other_top', 'other_left'] as const;
export type Surroundings = Record<(typeof SURROUNDINGS)[number], number>;

/** Numbers of `struct Shape`, by its names, in its order. */
export const WINOGRAD_SHAPE = [
  ...(['C4', 'H', 'W', 'P', 'Q', 'top', 'left', 'outputs', 'rectify'] as const),
  ...(['tiles', 'down', 'across', ...SURROUNDINGS, 'accumulate'] as const),
] as const;

const withShape = (text: string): string => `enable subgroups;
struct Shape { ${WINOGRAD_SHAPE.map((name) => `${name} : i32`).join(', ')} }
@group(0) @binding(0) var<storage, read> shape : Shape;

fn texel(i : i32) -> vec2i { return vec2i(i % ${TEXELS_PER_ROW}, i / ${TEXELS_PER_ROW}); }

${text}`;

const texture = (binding: number, name: string) =>
  `@group(0) @binding(${binding}) var ${name} : texture_storage_2d<rgba32float, read>;`;

/** Six points of each row of a patch or filter, from what its columns gave: `result` at point (i, j). */
const points = (rows: string, transform: string, store: (i: number, j: number) => string): string =>
  range(POINTS)
    .map((i) => {
      const stores = range(POINTS).map((j) => store(i, j));
      return `  { let v = ${transform}(${rows}${i}); ${stores.join(' ')} }`;
    })
    .join('\n');

/** What lane `lane` of a workgroup calls its tile, and where that begins. */
const tileText = (lanes: number) => `let tile = i32(group.x) * ${lanes} + i32(lane);
  let valid = min(tile, shape.tiles - 1);
  let n = valid / (shape.down * shape.across);
  let first_p = valid / shape.across % shape.down * ${SIDE};
  let first_q = valid % shape.across * ${SIDE};`;

/** Lane = tile, workgroups = tiles and texels of channels. */
export const patchText = (lanes: number) =>
  withShape(`${texture(1, 'input')}
@group(0) @binding(2) var<storage, read_write> patch_points : array<vec4f>;

// B^T x
fn values(x : array<vec4f, ${POINTS}>) -> array<vec4f, ${POINTS}> {
  let even_a = x[4] - ${B2} * x[2];
  let odd_a = ${A} * (x[3] - ${B2} * x[1]);
  let even_b = x[4] - ${A2} * x[2];
  let odd_b = ${B} * (x[3] - ${A2} * x[1]);
  let zero = ${A2 * B2} * x[0] - ${A2 + B2} * x[2] + x[4];
  let infinity = ${A2 * B2} * x[1] - ${A2 + B2} * x[3] + x[5];
  return array(zero, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, infinity);
}

// not one max() with a bound that depends: that would turn NaN into a number where nothing is rectified
fn pixel(plane : i32, h : i32, v : i32) -> vec4f {
  let inside = h >= 0 && h < shape.H && v >= 0 && v < shape.W;
  let x = textureLoad(input, texel(plane + select(0, h * shape.W + v, inside)));
  return select(vec4f(), select(x, max(x, vec4f()), shape.rectify == 1), inside);
}

@compute @workgroup_size(${lanes})
fn transform_patches(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32) {
  ${tileText(lanes)}
  let c = i32(group.y);
  let plane = (n * shape.C4 + c) * shape.H * shape.W;
  let h = first_p - shape.top;
  let v = first_q - shape.left;
${range(POINTS)
  .map((j) => {
    const pixels = range(POINTS).map((i) => `pixel(plane, h + ${i}, v + ${j})`);
    return `  let column${j} = values(array(${pixels.join(', ')}));`;
  })
  .join('\n')}
${range(POINTS)
  .map((i) => `  let row${i} = array(${range(POINTS).map((j) => `column${j}[${i}]`)});`)
  .join('\n')}
  if (tile >= shape.tiles) { return; }
  let to = c * shape.tiles + tile;
${points('row', 'values', (i, j) => `patch_points[${POINTS * i + j} * shape.C4 * shape.tiles + to] = v[${j}];`)}
}
`);

/**
 * Lane = texel of outputs, workgroups = blocks of tiles and points. Sums of four channels stand by themselves before
 * they join the rest, as in simdConvolution.ts; 4 tiles by 4 outputs of them fit the registers.
 */
export const productText = (lanes: number, atOnce: number) =>
  withShape(`${texture(1, 'patch_points')}
${texture(2, 'weight_points')}
@group(0) @binding(3) var<storage, read_write> products : array<vec4f>;

@compute @workgroup_size(${lanes})
fn multiply(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32) {
  let K4 = shape.outputs / 4;
  let groups = (K4 + ${lanes - 1}) / ${lanes};
  let k = i32(group.x) % groups * ${lanes} + i32(lane);
  let first = i32(group.x) / groups * ${atOnce};
  let point = i32(group.y);
  ${range(Math.ceil(atOnce / lanes))
    .map((g) => `let tile${g} = min(first + ${g * lanes} + i32(lane), shape.tiles - 1);`)
    .join(' ')}
  ${range(atOnce * OUTPUTS)
    .map((i) => `var y${i} = 0.0;`)
    .join(' ')}
  var row = point * shape.C4 * shape.outputs + 4 * min(k, K4 - 1);
  var plane = point * shape.C4 * shape.tiles;
  for (var c = 0; c < shape.C4; c++) {
    ${range(OUTPUTS)
      .map((o) => `let w${o} = textureLoad(weight_points, texel(row + ${o}));`)
      .join(' ')}
    ${range(Math.ceil(atOnce / lanes))
      .map((g) => `let x${g} = textureLoad(patch_points, texel(plane + tile${g}));`)
      .join(' ')}
${range(atOnce / 4)
  .map((block) => productBlock(lanes, 4 * block))
  .join('\n')}
    row += shape.outputs;
    plane += shape.tiles;
  }
  if (k >= K4) { return; }
  var sums = array<vec4f, ${atOnce}>(${range(atOnce)
    .map((tile) => `vec4f(${range(OUTPUTS).map((o) => `y${OUTPUTS * tile + o}`)})`)
    .join(', ')});
  let to = (point * K4 + k) * shape.tiles;
  for (var tile = first; tile < min(first + ${atOnce}, shape.tiles); tile++) {
    products[to + tile] = sums[tile - first];
  }
}
`);

/** The products of four tiles with four outputs. */
function productBlock(lanes: number, first: number): string {
  const sums = range(4 * OUTPUTS).map((i) => OUTPUTS * first + i);
  const zero = sums.map((i) => `var z${i} = 0.0;`).join(' ');
  const channels = range(4).map((channel) => {
    const products = range(4).map((i) => {
      const tile = first + i;
      const x = `subgroupBroadcast(x${Math.floor(tile / lanes)}[${channel}], ${tile % lanes}u)`;
      const sums = range(OUTPUTS).map((o) => `z${OUTPUTS * tile + o} += x * w${o}[${channel}];`);
      return `{ let x = ${x}; ${sums.join(' ')} }`;
    });
    return `      ${products.join(' ')}`;
  });
  return `    { ${zero}\n${channels.join('\n')}\n      ${sums.map((i) => `y${i} += z${i};`).join(' ')} }`;
}

/** Lane = tile, workgroups = tiles and texels of outputs. */
export const resultText = (lanes: number) =>
  withShape(`${texture(1, 'products')}
@group(0) @binding(2) var<storage, read> bias : array<vec4f>;
@group(0) @binding(3) var<storage, read> other : array<vec4f>;
@group(0) @binding(4) var<storage, read_write> result : array<vec4f>;

// A^T y
fn values(y : array<vec4f, ${POINTS}>) -> array<vec4f, ${SIDE}> {
  let even_a = y[1] + y[2];
  let odd_a = y[1] - y[2];
  let even_b = y[3] + y[4];
  let odd_b = y[3] - y[4];
  return array(
    y[0] + even_a + even_b,
    ${A} * odd_a + ${B} * odd_b,
    ${A2} * even_a + ${B2} * even_b,
    ${A * A2} * odd_a + ${B * B2} * odd_b + y[5],
  );
}

fn store(i : i32, at : i32, value : vec4f) {
  var sum = value;
  if (shape.other_is != ${OTHER.nothing}) {
    let there = other[at];
    if (shape.other_is == ${OTHER.added}) { sum += there; }
    if (shape.other_is == ${OTHER.addedRectified}) { sum += max(there, vec4f()); }
    if (shape.other_is == ${OTHER.mask}) { sum = select(vec4f(), sum, there > vec4f()); }
  }
  if (shape.accumulate == 1) { sum += result[i]; }
  result[i] = sum;
}

@compute @workgroup_size(${lanes})
fn transform_results(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32) {
  ${tileText(lanes)}
  let k = i32(group.y);
  let K4 = shape.outputs / 4;
  let at = k * shape.tiles + valid;
${range(POINTS)
  .map((j) => {
    const sums = range(POINTS).map(
      (i) => `textureLoad(products, texel(${POINTS * i + j} * K4 * shape.tiles + at))`,
    );
    return `  let column${j} = values(array(${sums.join(', ')}));`;
  })
  .join('\n')}
${range(SIDE)
  .map((i) => `  let row${i} = values(array(${range(POINTS).map((j) => `column${j}[${i}]`)}));`)
  .join('\n')}
  if (tile >= shape.tiles) { return; }
  let y_plane = n * K4 + k;
  let addend = select(vec4f(), bias[k], shape.biased == 1);
  let at_y = y_plane * shape.P * shape.Q + first_p * shape.Q + first_q;
  let at_other = (y_plane * shape.other_H + first_p + shape.other_top) * shape.other_W + first_q + shape.other_left;
${range(SIDE)
  .flatMap((i) =>
    range(SIDE).map(
      (j) =>
        `  if (first_p + ${i} < shape.P && first_q + ${j} < shape.Q) { store(at_y + ${i} * shape.Q + ${j}, at_other + ${i} * shape.other_W + ${j}, row${i}[${j}] + addend); }`,
    ),
  )
  .join('\n')}
}
`);
