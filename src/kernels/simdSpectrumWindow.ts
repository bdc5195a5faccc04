// The two sums over frequencies of simdSpectrum.ts, and back: texts of `columns` and `rows`.
//
// Each is a matrix product with a table of turns. A turn of a loop takes four terms of the sum, so that sums, which do
// not all fit the registers, are fetched and stored once per four products; cosines and sines of two terms are a texel.

import type { SimdText } from './simdPass.ts';
import { each, module, type SpectrumGeometry, tileOf } from './simdSpectrum.ts';

/** Terms of a sum that one turn of a loop adds up before they join the rest. */
const BLOCK = 4;
/** Most sums of a lane, each four numbers. */
const MOST_SUMS = 16;

/** WGSL of lane-held values: `line(i)` once per `lanes` rows of a tile. */
const loads = (tile: number, { lanes }: SpectrumGeometry, line: (i: number) => string): string =>
  each(Math.ceil(tile / lanes), line);

/** The value of row i that a lane holds in `name`0, `name`1, ... */
const held = (name: string, i: number, { lanes }: SpectrumGeometry): string =>
  `subgroupBroadcast(${name}${Math.floor(i / lanes)}, ${i % lanes}u)`;

/** The texel of `pairs` [n/2,n,4] with the turns of k i and k (i+1): (cos, sin) twice. i is even. */
const turnsAt = (i: string, k: string, n: 'H' | 'W'): string =>
  `textureLoad(pairs, texel((${i}) / 2 * ${n} + ${k}))`;

/** Where the turn of term j of a block lies in the texels low and high. */
const TERMS = [
  { texel: 'low', cos: 'x', sin: 'y' },
  { texel: 'low', cos: 'z', sin: 'w' },
  { texel: 'high', cos: 'x', sin: 'y' },
  { texel: 'high', cos: 'z', sin: 'w' },
] as const;

/** WGSL: the sum over a block of `value(j)` times the cosine or sine of term j, in `low` and `high` with that suffix. */
const block = (part: 'cos' | 'sin', value: (j: number) => string, suffix = ''): string =>
  TERMS.map((term, j) => `${value(j)} * ${term.texel}${suffix}.${term[part]}`).join(' + ');

/** The same, from the last term to the first: from small ones to large. */
const blockDown = (part: 'cos' | 'sin', value: (j: number) => string, suffix = ''): string =>
  block(part, value, suffix).split(' + ').reverse().join(' + ');

/** The weight of column fx, 0 beyond W/2, times its phase. */
const phase = ({ W, H }: SpectrumGeometry): string => `
fn phase(fx : u32, middle : u32) -> vec2f {
  const NORM = ${1 / (4 * Math.sqrt(H * W))};
  let weight = select(2 * NORM, NORM, fx == 0 || 2 * fx == W);
  return select(vec2f(0), weight * across[fx * middle % W], 2 * fx <= W);
}
`;

/** z [N,C,R,REACH+1,F,4], rows +m and -m in a texel: lanes own fx, a subgroup has a tile of m of one residue. */
export function columnsForward(geometry: SpectrumGeometry): SimdText {
  const { lanes, C, R, F, PAIRS, REACH } = geometry;
  const { T, TILES } = tileOf(REACH + 1, MOST_SUMS);
  const GROUPS = Math.ceil(F / lanes);
  const body = `  let fx = group.x % ${GROUPS} * LANES + lane;
  let first = group.x / ${GROUPS} % ${TILES} * ${T};
  let plane = group.x / ${GROUPS * TILES};        // c, r
  // lane l of load j holds the turns of distance first + j * LANES + l
  ${loads(T, geometry, (j) => `let m${j} = (first + ${j * lanes} + lane) * R % H;`)}
  ${each(T, (i) => `var e${i} = vec2f(); var o${i} = vec2f();`)}
  for (var rest = ${Math.ceil(PAIRS / BLOCK)}u; rest > 0; rest--) {
    let g = ${BLOCK} * (rest - 1);
    ${each(BLOCK, (j) => `let q${j} = frequency(n * C * R + plane, g + ${j}, fx);`)}
    ${loads(T, geometry, (j) => `let low${j} = ${turnsAt('g', `m${j}`, 'H')}; let high${j} = ${turnsAt('g + 2', `m${j}`, 'H')};`)}
    ${each(
      T,
      (i) => `{ let low = ${held('low', i, geometry)}; let high = ${held('high', i, geometry)};
      e${i} += ${blockDown('cos', (j) => `q${j}.xy`)}; o${i} += ${blockDown('sin', (j) => `q${j}.zw`)}; }`,
      '\n    ',
    )}
  }
  if (fx >= F) { return; }
  let turn = phase(fx, origin.y + MIDDLE);
  ${each(T, (i) => `put(n * C * R + plane, first + ${i}, fx, turn, e${i}, vec2f(-o${i}.y, o${i}.x));`, '\n  ')}`;
  const functions = `
fn frequency(plane : u32, g : u32, fx : u32) -> vec4f {
  let value = textureLoad(p, texel((plane * PAIRS + min(g, PAIRS - 1)) * F + min(fx, F - 1)));
  return select(vec4f(), value, g < PAIRS);
}

fn put(plane : u32, m : u32, fx : u32, turn : vec2f, e : vec2f, o : vec2f) {
  if (m > REACH) { return; }
  y[(plane * (REACH + 1) + m) * F + fx] = vec4f(times(turn, e + o), times(turn, e - o));
}
`;
  const bindings = {
    p: 'texture',
    pairs: 'texture',
    across: true,
    origins: true,
    clock: true,
    y: 'var<storage, read_write> y : array<vec4f>',
  } as const;
  const source = module('forward', { ...geometry }, bindings, body) + functions + phase(geometry);
  return { source, workgroups: GROUPS * TILES * C * R };
}

/** dq of dz [N,C,R,REACH+1,F,4], rows +m and -m in a texel: lanes own fx, a subgroup has a tile of frequencies. */
export function columnsBackward(geometry: SpectrumGeometry): SimdText {
  const { lanes, C, R, F, PAIRS } = geometry;
  const { T, TILES } = tileOf(PAIRS, MOST_SUMS);
  const GROUPS = Math.ceil(F / lanes);
  const body = `  let fx = group.x % ${GROUPS} * LANES + lane;
  let first = group.x / ${GROUPS} % ${TILES} * ${T};
  let plane = group.x / ${GROUPS * TILES};        // c, r
  // lane l of load j holds the turns of frequency first + j * LANES + l
  ${loads(T, geometry, (j) => `let g${j} = (first + ${j * lanes} + lane) * R % H;`)}
  ${each(T, (i) => `var s${i} = vec2f(); var d${i} = vec2f();`)}
  for (var m = 0u; m <= REACH; m += ${BLOCK}) {
    ${each(
      BLOCK,
      (j) => `let row${j} = rows(n * C * R + plane, m + ${j}, fx);
    let e${j} = row${j}.xy + row${j}.zw; let o${j} = vec2f(row${j}.y - row${j}.w, row${j}.z - row${j}.x);`,
      '\n    ',
    )}
    ${loads(T, geometry, (j) => `let low${j} = ${turnsAt('m', `g${j}`, 'H')}; let high${j} = ${turnsAt('m + 2', `g${j}`, 'H')};`)}
    ${each(
      T,
      (i) => `{ let low = ${held('low', i, geometry)}; let high = ${held('high', i, geometry)};
      s${i} += ${block('cos', (j) => `e${j}`)}; d${i} += ${block('sin', (j) => `o${j}`)}; }`,
      '\n    ',
    )}
  }
  if (fx >= F) { return; }
  ${each(T, (i) => `put((n * C * R + plane) * PAIRS, first + ${i}, fx, vec4f(s${i}, d${i}));`, '\n  ')}`;
  const functions = `
fn rows(plane : u32, m : u32, fx : u32) -> vec4f {
  let value = textureLoad(dy, texel((plane * (REACH + 1) + min(m, REACH)) * F + min(fx, F - 1)));
  return select(vec4f(), value, m <= REACH);
}

fn put(plane : u32, g : u32, fx : u32, value : vec4f) {
  if (g >= PAIRS) { return; }
  let i = (plane + g) * F + fx;
  var d = value;
  if (ACCUMULATE) { d += dp[i]; }
  dp[i] = d;
}
`;
  const bindings = {
    dy: 'texture',
    pairs: 'texture',
    origins: true,
    clock: true,
    dp: 'var<storage, read_write> dp : array<vec4f>',
  } as const;
  const source = module('backward_p', { ...geometry }, bindings, body) + functions;
  return { source, workgroups: GROUPS * TILES * C * R };
}

/** The row of the window that pair i's half (0: +m, 1: -m) is, or ROWS and more where there is none. */
const rowOf = `
fn row_of(pair : u32, half : u32) -> u32 {
  let r = pair / (REACH + 1) % R;
  let m = pair % (REACH + 1);
  if (half == 1 && m == 0) { return ROWS; }                  // it is +0 already
  return r + R * select(REACH + m, REACH - m, half == 1);
}
`;

/** Of `count` things, how many a lane owns: what is broadcast serves them all. */
function sharesOf(count: number, lanes: number): { owned: number; groups: number } {
  const vectors = Math.ceil(count / lanes);
  const owned = vectors === 3 ? 3 : Math.min(2, vectors);
  return { owned, groups: Math.ceil(vectors / owned) };
}

/** y [N,C,ROWS,COLUMNS] of z: lanes own distances from the middle column, a subgroup has a tile of pairs of rows. */
export function rowsForward(geometry: SpectrumGeometry): SimdText {
  const { lanes, C, R, F, REACH, MIDDLE } = geometry;
  const pairs = C * R * (REACH + 1);
  const { owned, groups } = sharesOf(MIDDLE + 1, lanes);
  const { T, TILES } = tileOf(pairs, Math.floor(MOST_SUMS / owned));
  const products = (i: number, s: number) =>
    `p${i}_${s} += ${blockDown('cos', (j) => `z${j}.xz`, `${s}`)}; q${i}_${s} += ${blockDown('sin', (j) => `z${j}.yw`, `${s}`)};`;
  const body = `  let d = group.x % ${groups} * ${owned * lanes} + lane;
  let first = group.x / ${groups} * ${T};
  // lane l of load j holds frequencies of pair first + j * LANES + l
  ${loads(T, geometry, (j) => `let pair${j} = n * ${pairs} + min(first + ${j * lanes} + lane, ${pairs - 1}u);`)}
  ${each(owned, (s) => each(T, (i) => `var p${i}_${s} = vec2f(); var q${i}_${s} = vec2f();`))}
  for (var rest = ${Math.ceil(F / BLOCK)}u; rest > 0; rest--) {
    let fx = ${BLOCK} * (rest - 1);
    ${each(BLOCK, (j) => loads(T, geometry, (l) => `let f${j}_${l} = frequency(pair${l}, fx + ${j});`))}
    ${each(
      owned,
      (s) =>
        `let low${s} = ${turnsAt('fx', `(d + ${s * lanes}) % W`, 'W')}; let high${s} = ${turnsAt('fx + 2', `(d + ${s * lanes}) % W`, 'W')};`,
    )}
    ${each(
      T,
      (i) => `{ ${each(BLOCK, (j) => `let z${j} = ${held(`f${j}_`, i, geometry)};`)}
      ${each(owned, (s) => products(i, s))} }`,
      '\n    ',
    )}
  }
  ${each(
    owned,
    (s) =>
      each(
        T,
        (i) =>
          `put(n, first + ${i}, 0, d + ${s * lanes}, p${i}_${s}.x, q${i}_${s}.x); put(n, first + ${i}, 1, d + ${s * lanes}, p${i}_${s}.y, q${i}_${s}.y);`,
        '\n  ',
      ),
    '\n  ',
  )}`;
  const functions = `
fn frequency(pair : u32, fx : u32) -> vec4f {
  return select(vec4f(), textureLoad(z, texel(pair * F + min(fx, F - 1))), fx < F);
}

fn put(n : u32, pair : u32, half : u32, d : u32, p : f32, q : f32) {
  let row = row_of(pair, half);
  if (pair >= ${pairs} || row >= ROWS || d > MIDDLE) { return; }
  let i = ((n * C + pair / (R * (REACH + 1))) * ROWS + row) * COLUMNS + MIDDLE;
  if (MIDDLE + d < COLUMNS) { y[i + d] = p - q; }
  if (d > 0) { y[i - d] = p + q; }
}
`;
  const bindings = {
    z: 'texture',
    pairs: 'texture',
    origins: true,
    clock: true,
    y: 'var<storage, read_write> y : array<f32>',
  } as const;
  const source = module('forward', { ...geometry }, bindings, body) + rowOf + functions;
  return { source, workgroups: groups * TILES };
}

/** dz of dy: lanes own fx, a subgroup has a tile of pairs of rows. */
export function rowsBackward(geometry: SpectrumGeometry): SimdText {
  const { lanes, C, R, F, REACH } = geometry;
  const pairs = C * R * (REACH + 1);
  const { owned, groups } = sharesOf(F, lanes);
  const { T, TILES } = tileOf(pairs, Math.floor(MOST_SUMS / owned));
  const products = (i: number, s: number) =>
    `z${i}_${s} += vec2f(${block('cos', (j) => `sum${j}`, `${s}`)}, ${block('sin', (j) => `difference${j}`, `${s}`)});`;
  const body = `  let fx = group.x % ${groups} * ${owned * lanes} + lane;
  let first = group.x / ${groups} * ${T};
  // lane l of load j holds pixels of half i % 2 of pair first + i / 2, i = j * LANES + l
  ${loads(
    2 * T,
    geometry,
    (j) => `let pair${j} = min(first + (${j * lanes} + lane) / 2, ${pairs - 1}u);
  let row${j} = row_of(pair${j}, lane % 2);
  let inside${j} = row${j} < ROWS;
  let at${j} = ((n * C + pair${j} / (R * (REACH + 1))) * ROWS + min(row${j}, ROWS - 1)) * COLUMNS + MIDDLE;`,
  )}
  ${each(owned, (s) => each(2 * T, (i) => `var z${i}_${s} = vec2f();`))}
  for (var d = 0u; d <= MIDDLE; d += ${BLOCK}) {
    ${each(BLOCK, (j) => loads(2 * T, geometry, (l) => `let both${j}_${l} = pixels(at${l}, d + ${j}, inside${l});`), '\n    ')}
    ${each(
      owned,
      (s) =>
        `let low${s} = ${turnsAt('d', `(fx + ${s * lanes}) % W`, 'W')}; let high${s} = ${turnsAt('d + 2', `(fx + ${s * lanes}) % W`, 'W')};`,
    )}
    ${each(
      2 * T,
      (
        i,
      ) => `{ ${each(BLOCK, (j) => `let both${j} = ${held(`both${j}_`, i, geometry)}; let sum${j} = both${j}.x; let difference${j} = both${j}.y;`)}
      ${each(owned, (s) => products(i, s))} }`,
      '\n    ',
    )}
  }
  ${each(
    owned,
    (s) => `{
    let turn = conjugate(phase(fx + ${s * lanes}, origin.y + MIDDLE));
    ${each(T, (i) => `put(n, first + ${i}, fx + ${s * lanes}, vec4f(times(turn, z${2 * i}_${s}), times(turn, z${2 * i + 1}_${s})));`, '\n    ')}
  }`,
    '\n  ',
  )}`;
  const functions = `
/** Sum and difference of the pixels at distance d of the middle one; beyond the window they are 0. */
fn pixels(middle : u32, d : u32, inside : bool) -> vec2f {
  let reaches = inside && MIDDLE + d < COLUMNS;
  let both = inside && d > 0 && d <= MIDDLE;
  let right = select(0.0, dy[middle + select(0, d, reaches)], reaches);
  let left = select(0.0, dy[middle - select(0, d, both)], both);
  return vec2f(left + right, select(0.0, left - right, d > 0));
}

fn put(n : u32, pair : u32, fx : u32, value : vec4f) {
  if (pair >= ${pairs} || fx >= F) { return; }
  let i = (n * ${pairs} + pair) * F + fx;
  var d = value;
  if (ACCUMULATE) { d += dz[i]; }
  dz[i] = d;
}
`;
  const bindings = {
    pairs: 'texture',
    across: true,
    origins: true,
    clock: true,
    dy: 'var<storage, read> dy : array<f32>',
    dz: 'var<storage, read_write> dz : array<vec4f>',
  } as const;
  const source = module('backward_z', { ...geometry }, bindings, body) + rowOf + functions + phase(geometry);
  return { source, workgroups: groups * TILES };
}
