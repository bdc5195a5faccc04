// The two sums over frequencies of simdSpectrum.ts, and back: texts of `columns` and `rows`.

import type { SimdText } from './simdPass.ts';
import { each, module, type SpectrumGeometry, tileOf } from './simdSpectrum.ts';

/** Pixels that are summed by themselves before they join the rest: fewer roundings of large numbers. */
const BLOCK = 16;

/** WGSL of lane-held values: `line(i)` once per `lanes` rows of a tile. */
const loads = (tile: number, { lanes }: SpectrumGeometry, line: (i: number) => string): string =>
  each(Math.ceil(tile / lanes), line);

/** The value of row i that a lane holds in `name`0, `name`1, ... */
const held = (name: string, i: number, { lanes }: SpectrumGeometry, part = ''): string =>
  `subgroupBroadcast(${name}${Math.floor(i / lanes)}${part}, ${i % lanes}u)`;

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
  const { lanes, C, R, F, REACH } = geometry;
  const { T, TILES } = tileOf(REACH + 1, 7);
  const GROUPS = Math.ceil(F / lanes);
  const body = `  let fx = group.x % ${GROUPS} * LANES + lane;
  let first = group.x / ${GROUPS} % ${TILES} * ${T};
  let plane = group.x / ${GROUPS * TILES};        // c, r
  var at = ((n * C * R + plane) * PAIRS + PAIRS - 1) * F + min(fx, F - 1);
  // lane l of load j holds the turn of distance first + j * LANES + l
  ${loads(T, geometry, (j) => `let m${j} = (first + ${j * lanes} + lane) % G; var k${j} = m${j} * (PAIRS - 1) % G;`)}
  ${each(T, (i) => `var e${i} = vec2f(); var o${i} = vec2f();`)}
  for (var g = 0u; g < PAIRS; g++) {
    let q = textureLoad(p, texel(at));
    at -= F;
    ${loads(T, geometry, (j) => `let turn${j} = turns[k${j} * R]; k${j} = select(k${j} + G - m${j}, k${j} - m${j}, k${j} >= m${j});`)}
    ${each(T, (i) => `e${i} += q.xy * ${held('turn', i, geometry, '.x')}; o${i} += q.zw * ${held('turn', i, geometry, '.y')};`, '\n    ')}
  }
  if (fx >= F) { return; }
  let turn = phase(fx, origin.y + MIDDLE);
  ${each(T, (i) => `put(n * C * R + plane, first + ${i}, fx, turn, e${i}, vec2f(-o${i}.y, o${i}.x));`, '\n  ')}`;
  const put = `
fn put(plane : u32, m : u32, fx : u32, turn : vec2f, e : vec2f, o : vec2f) {
  if (m > REACH) { return; }
  y[(plane * (REACH + 1) + m) * F + fx] = vec4f(times(turn, e + o), times(turn, e - o));
}
`;
  const bindings = {
    p: 'texture',
    turns: true,
    across: true,
    origins: true,
    clock: true,
    y: 'var<storage, read_write> y : array<vec4f>',
  } as const;
  const source = module('forward', { ...geometry }, bindings, body) + put + phase(geometry);
  return { source, workgroups: GROUPS * TILES * C * R };
}

/** dq of dz [N,C,R,REACH+1,F,4], rows +m and -m in a texel: lanes own fx, a subgroup has a tile of frequencies. */
export function columnsBackward(geometry: SpectrumGeometry): SimdText {
  const { lanes, C, R, F, PAIRS } = geometry;
  const { T, TILES } = tileOf(PAIRS, 7);
  const GROUPS = Math.ceil(F / lanes);
  const body = `  let fx = group.x % ${GROUPS} * LANES + lane;
  let first = group.x / ${GROUPS} % ${TILES} * ${T};
  let plane = group.x / ${GROUPS * TILES};        // c, r
  var at = (n * C * R + plane) * (REACH + 1) * F + min(fx, F - 1);
  // lane l of load j holds the turn of frequency first + j * LANES + l
  ${loads(T, geometry, (j) => `let g${j} = (first + ${j * lanes} + lane) % G; var k${j} = 0u;`)}
  ${each(T, (i) => `var s${i} = vec2f(); var d${i} = vec2f();`)}
  for (var m = 0u; m <= REACH; m++) {
    let pair = textureLoad(dy, texel(at));
    at += F;
    let e = pair.xy + pair.zw;
    let o = vec2f(pair.y - pair.w, pair.z - pair.x);
    ${loads(T, geometry, (j) => `let turn${j} = turns[k${j} * R]; k${j} += g${j}; if (k${j} >= G) { k${j} -= G; }`)}
    ${each(T, (i) => `s${i} += e * ${held('turn', i, geometry, '.x')}; d${i} += o * ${held('turn', i, geometry, '.y')};`, '\n    ')}
  }
  if (fx >= F) { return; }
  ${each(T, (i) => `put((n * C * R + plane) * PAIRS, first + ${i}, fx, vec4f(s${i}, d${i}));`, '\n  ')}`;
  const put = `
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
    turns: true,
    origins: true,
    clock: true,
    dp: 'var<storage, read_write> dp : array<vec4f>',
  } as const;
  const source = module('backward_p', { ...geometry }, bindings, body) + put;
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

/** y [N,C,ROWS,COLUMNS] of z: lanes own distances from the middle column, a subgroup has a tile of pairs of rows. */
export function rowsForward(geometry: SpectrumGeometry): SimdText {
  const { lanes, C, R, REACH, MIDDLE } = geometry;
  const pairs = C * R * (REACH + 1);
  const { T, TILES } = tileOf(pairs, 7);
  const GROUPS = Math.ceil((MIDDLE + 1) / lanes);
  const body = `  let d = group.x % ${GROUPS} * LANES + lane;
  let first = group.x / ${GROUPS} * ${T};
  // lane l of load j holds a frequency of pair first + j * LANES + l
  ${loads(T, geometry, (j) => `var at${j} = (n * ${pairs} + min(first + ${j * lanes} + lane, ${pairs - 1}u)) * F + F - 1;`)}
  ${each(T, (i) => `var p${i} = vec2f(); var q${i} = vec2f();`)}
  let step = d % W;
  var k = step * (F - 1) % W;
  for (var i = 0u; i < F; i++) {
    ${loads(T, geometry, (j) => `let z${j} = textureLoad(z, texel(at${j})); at${j} -= 1;`)}
    let turn = across[k];
    k = select(k + W - step, k - step, k >= step);
    ${each(
      T,
      (i) =>
        `p${i} += vec2f(${held('z', i, geometry, '.x')}, ${held('z', i, geometry, '.z')}) * turn.x; q${i} += vec2f(${held('z', i, geometry, '.y')}, ${held('z', i, geometry, '.w')}) * turn.y;`,
      '\n    ',
    )}
  }
  ${each(T, (i) => `put(n, first + ${i}, 0, d, p${i}.x, q${i}.x); put(n, first + ${i}, 1, d, p${i}.y, q${i}.y);`, '\n  ')}`;
  const put = `
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
    across: true,
    origins: true,
    clock: true,
    y: 'var<storage, read_write> y : array<f32>',
  } as const;
  const source = module('forward', { ...geometry }, bindings, body) + rowOf + put;
  return { source, workgroups: GROUPS * TILES };
}

/** dz of dy: lanes own fx, a subgroup has a tile of pairs of rows. */
export function rowsBackward(geometry: SpectrumGeometry): SimdText {
  const { lanes, C, R, F, REACH } = geometry;
  const pairs = C * R * (REACH + 1);
  const { T, TILES } = tileOf(pairs, 7);
  const GROUPS = Math.ceil(F / lanes);
  const body = `  let fx = group.x % ${GROUPS} * LANES + lane;
  let first = group.x / ${GROUPS} * ${T};
  // lane l of load j holds two pixels of half i % 2 of pair first + i / 2, i = j * LANES + l
  ${loads(
    2 * T,
    geometry,
    (j) => `let pair${j} = min(first + (${j * lanes} + lane) / 2, ${pairs - 1}u);
  let row${j} = row_of(pair${j}, lane % 2);
  let inside${j} = row${j} < ROWS;
  let at${j} = ((n * C + pair${j} / (R * (REACH + 1))) * ROWS + min(row${j}, ROWS - 1)) * COLUMNS + MIDDLE;`,
  )}
  ${each(2 * T, (i) => `var z${i} = vec2f();`)}
  let step = fx % W;
  var k = 0u;
  for (var block = 0u; block <= MIDDLE; block += ${BLOCK}) {
    ${each(2 * T, (i) => `var part${i} = vec2f();`)}
    for (var d = block; d < min(block + ${BLOCK}, MIDDLE + 1); d++) {
    let turn = across[k];
    k += step;
    if (k >= W) { k -= W; }
    let both = d > 0;
    let reaches = MIDDLE + d < COLUMNS;
    ${loads(
      2 * T,
      geometry,
      (j) => `let right${j} = select(0.0, dy[at${j} + select(0, d, reaches)], inside${j} && reaches);
    let left${j} = select(0.0, dy[at${j} - d], inside${j} && both);
    let sum${j} = left${j} + right${j}; let difference${j} = select(0.0, left${j} - right${j}, both);`,
    )}
    ${each(2 * T, (i) => `part${i} += vec2f(${held('sum', i, geometry)}, ${held('difference', i, geometry)}) * turn;`, '\n    ')}
    }
    ${each(2 * T, (i) => `z${i} += part${i};`)}
  }
  if (fx >= F) { return; }
  let turn = conjugate(phase(fx, origin.y + MIDDLE));
  ${each(T, (i) => `put(n, first + ${i}, fx, vec4f(times(turn, z${2 * i}), times(turn, z${2 * i + 1})));`, '\n  ')}`;
  const put = `
fn put(n : u32, pair : u32, fx : u32, value : vec4f) {
  if (pair >= ${pairs}) { return; }
  let i = (n * ${pairs} + pair) * F + fx;
  var d = value;
  if (ACCUMULATE) { d += dz[i]; }
  dz[i] = d;
}
`;
  const bindings = {
    across: true,
    origins: true,
    clock: true,
    dy: 'var<storage, read> dy : array<f32>',
    dz: 'var<storage, read_write> dz : array<vec4f>',
  } as const;
  const source = module('backward_z', { ...geometry }, bindings, body) + rowOf + put + phase(geometry);
  return { source, workgroups: GROUPS * TILES };
}
