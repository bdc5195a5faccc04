// The sum over the rows' frequencies of simdSpectrum.ts, and back: texts of `columns`.

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
      e${i} += ${block('cos', (j) => `q${j}.xy`)}; o${i} += ${block('sin', (j) => `q${j}.zw`)}; }`,
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
