// The radix step of simdSpectrum.ts, and back: an invocation owns a pair of frequencies (g, G - g) of one column, which is
// one record of the spectrum (spectrumRecords.ts). The way back ends in one of two ways: the gradient is stored, or Adam
// moves the spectrum by it at once, so that it never goes through memory.

import { ADAM } from './reference.ts';
import type { SimdText } from './simdPass.ts';
import { each, module, range, type SpectrumGeometry } from './simdSpectrum.ts';

/** i^power times a complex value, as WGSL. */
const turned = (value: string, power: number): string =>
  [value, `vec2f(-${value}.y, ${value}.x)`, `-${value}`, `vec2f(${value}.y, -${value}.x)`][power % 4];

/** The four-point DFT of `name`0..3 with i^{sign j t}; the identity for one. */
const butterflies = (R: number, name: string, sign: 1 | -1): string =>
  R === 1
    ? ''
    : [
        `let ${name}e = ${name}0 + ${name}2; let ${name}f = ${name}0 - ${name}2;`,
        `let ${name}g = ${name}1 + ${name}3; let ${name}h = ${name}1 - ${name}3;`,
        `${name}0 = ${name}e + ${name}g; ${name}2 = ${name}e - ${name}g;`,
        `${name}1 = ${name}f + ${turned(`${name}h`, 2 - sign)}; ${name}3 = ${name}f + ${turned(`${name}h`, 2 + sign)};`,
      ].join(' ');

/**
 * Which pair and column an invocation of fold owns, beyond the last column again the last, the scale of its values, and
 * the turn of each residue's middle row, loaded by one lane.
 */
const foldPlace = ({ R }: SpectrumGeometry): string => `
  const GROUPS = (F + LANES - 1) / LANES;
  let exists = group.x % GROUPS * LANES + lane < F;
  let fx = min(group.x % GROUPS * LANES + lane, F - 1);
  let c = group.x / GROUPS / PAIRS;
  let g = group.x / GROUPS % PAIRS;
  let alone = (G - g) % G == g;
  let turn = turns[g * (origin.x + (lane % R + R - origin.x % R) % R + R * REACH) % H];
  ${each(R, (t) => `let turn${t} = vec2f(subgroupBroadcast(turn.x, ${t}u), subgroupBroadcast(turn.y, ${t}u));`)}
  let record = (((n * C + c) * PAIRS + g) * F + fx) * R;
  let s = textureLoad(scale, texel(g * F + fx));`;

/** Where residue t of rows, counted from the picture's first, lies in q. */
const residue = (R: number, t: number): string =>
  `let r${t} = (${t + R}u - origin.x % ${R}) % ${R};
  let at${t} = (((n * C + c) * R + r${t}) * PAIRS + g) * F + fx;`;

/** Value k of a record: p of its first half is scaled by s of j, of the second by s of R - 1 - j. */
const scaleOf = (R: number, k: number): string => `s.${'xyzw'[k < R ? k : 2 * R - 1 - k]}`;
const valueName = (R: number, k: number): string => (k < R ? `a${k}` : `b${k - R}`);

const workgroupsOf = ({ F, PAIRS, C, lanes }: SpectrumGeometry): number => Math.ceil(F / lanes) * PAIRS * C;

/** q of p: [N,C,R,PAIRS,F,4], sums and differences. */
export function foldForward(geometry: SpectrumGeometry): SimdText {
  const { R } = geometry;
  const body = `${foldPlace(geometry)}
  ${each(R, (i) => `let p${i} = p[record + ${i}];`)}
  ${each(2 * R, (k) => `var ${valueName(R, k)} = ${scaleOf(R, k)} * p${k >> 1}.${k % 2 ? 'zw' : 'xy'};`)}
  ${butterflies(R, 'a', 1)}
  ${butterflies(R, 'b', 1)}
  if (!exists) { return; }
${each(
  R,
  (t) => `  ${residue(R, t)}
  let left${t} = times(a${t}, turn${t});
  let other${t} = conjugate(turn${t});
  let right${t} = times(b${t}, ${turned(`other${t}`, t)});
  y[at${t}] = select(vec4f(left${t} + right${t}, left${t} - right${t}), vec4f(left${t}, 0, 0), alone);`,
  '\n',
)}`;
  const bindings = {
    p: 'var<storage, read> p : array<vec4f>',
    scale: 'texture',
    turns: true,
    origins: true,
    clock: true,
    y: 'var<storage, read_write> y : array<vec4f>',
  } as const;
  return { source: module('forward', { ...geometry }, bindings, body), workgroups: workgroupsOf(geometry) };
}

/** d0, d1, ...: the gradient of a record by dq, as vec4f. */
function gradients(geometry: SpectrumGeometry): string {
  const { R } = geometry;
  const value = (k: number): string => {
    const scaled = `${scaleOf(R, k)} * ${valueName(R, k)}`;
    return k < R ? scaled : `select(${scaled}, vec2f(), alone)`;
  };
  return `${foldPlace(geometry)}
${each(
  R,
  (t) => `  ${residue(R, t)}
  let q${t} = textureLoad(dy, texel(at${t}));
  var a${t} = times(select(q${t}.xy + q${t}.zw, q${t}.xy, alone), conjugate(turn${t}));
  let other${t} = turn${t};
  var b${t} = times(q${t}.xy - q${t}.zw, ${turned(`other${t}`, (4 - t) % 4)});`,
  '\n',
)}
  ${butterflies(R, 'a', -1)}
  ${butterflies(R, 'b', -1)}
  ${each(R, (i) => `let d${i} = vec4f(${value(2 * i)}, ${value(2 * i + 1)});`)}`;
}

const TABLES = { dy: 'texture', scale: 'texture', turns: true, origins: true, clock: true } as const;

/** dp of dq. */
export function foldBackward(geometry: SpectrumGeometry): SimdText {
  const body = `${gradients(geometry)}
  if (!exists) { return; }
  ${each(geometry.R, (i) => `put(record + ${i}, d${i});`)}`;
  const put = `
fn put(i : u32, value : vec4f) {
  var d = value;
  if (ACCUMULATE) { d += dp[i]; }
  dp[i] = d;
}
`;
  const bindings = { ...TABLES, dp: 'var<storage, read_write> dp : array<vec4f>' };
  const source = module('backward_p', { ...geometry }, bindings, body) + put;
  return { source, workgroups: workgroupsOf(geometry) };
}

/** p, m and v moved by dq as adam.wgsl does, and the sum of the gradient's squares by workgroup. */
export function foldAscent(geometry: SpectrumGeometry): SimdText {
  const { R } = geometry;
  const sum = range(R)
    .map((i) => `dot(d${i}, d${i})`)
    .join(' + ');
  const body = `${gradients(geometry)}
  let sum = subgroupAdd(select(0, ${sum}, exists));
  if (lane == 0) { squares[n * (GROUPS * PAIRS * C) + group.x] = sum; }
  if (!exists) { return; }
  let rate = rates[clock[0]];
  ${each(R, (i) => `step(record + ${i}, d${i}, rate);`)}`;
  const step = `
fn step(i : u32, gradient : vec4f, rate : vec2f) {
  let first = ${ADAM.beta1} * m[i] + ${1 - ADAM.beta1} * gradient;
  let second = ${ADAM.beta2} * v[i] + ${1 - ADAM.beta2} * gradient * gradient;
  m[i] = first;
  v[i] = second;
  p[i] += rate.x * first / (sqrt(second) * rate.y + ${ADAM.eps});
}
`;
  const bindings = {
    ...TABLES,
    rates: 'var<storage, read> rates : array<vec2f>',
    p: 'var<storage, read_write> p : array<vec4f>',
    m: 'var<storage, read_write> m : array<vec4f>',
    v: 'var<storage, read_write> v : array<vec4f>',
    squares: 'var<storage, read_write> squares : array<f32>',
  };
  const source = module('ascend', { ...geometry }, bindings, body) + step;
  return { source, workgroups: workgroupsOf(geometry) };
}
