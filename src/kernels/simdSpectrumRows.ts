// The sum over the columns' frequencies of simdSpectrum.ts, and back: texts of `rows`.

import type { SimdText } from './simdPass.ts';
import {
  BLOCK,
  block,
  each,
  held,
  loads,
  MOST_SUMS,
  module,
  phase,
  type SpectrumGeometry,
  tileOf,
  turnsAt,
} from './simdSpectrum.ts';

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
    `p${i}_${s} += ${block('cos', (j) => `z${j}.xz`, `${s}`)}; q${i}_${s} += ${block('sin', (j) => `z${j}.yw`, `${s}`)};`;
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
