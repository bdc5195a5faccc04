// The radix step of simdSpectrum.ts, and back: an invocation owns a pair of frequencies (g, G - g) of one column, eight
// values of the spectrum.

import type { SimdText } from './simdPass.ts';
import { each, module, type SpectrumGeometry } from './simdSpectrum.ts';

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

/** Which pair and column an invocation of fold owns, and the turn of each residue's middle row, loaded by one lane. */
const foldPlace = ({ H, F, R }: SpectrumGeometry): string => `
  const GROUPS = (F + LANES - 1) / LANES;
  let fx = group.x % GROUPS * LANES + lane;
  let c = group.x / GROUPS / PAIRS;
  let g = group.x / GROUPS % PAIRS;
  let partner = (G - g) % G;
  let alone = partner == g;
  let turn = turns[g * (origin.x + (lane % R + R - origin.x % R) % R + R * REACH) % H];
  ${each(R, (t) => `let turn${t} = vec2f(subgroupBroadcast(turn.x, ${t}u), subgroupBroadcast(turn.y, ${t}u));`)}
  if (fx >= F) { return; }
  let plane = (n * C + c) * ${H * F} + fx;`;

/** Where residue t of rows, counted from the picture's first, lies in q. */
const residue = (R: number, t: number): string =>
  `let r${t} = (${t + R}u - origin.x % ${R}) % ${R};
  let at${t} = (((n * C + c) * R + r${t}) * PAIRS + g) * F + fx;`;

/** q of p: [N,C,R,PAIRS,F,4], sums and differences. */
export function foldForward(geometry: SpectrumGeometry): SimdText {
  const { R, G, F, PAIRS, C, lanes } = geometry;
  const body = `${foldPlace(geometry)}
  ${each(R, (j) => `let s${j} = scale[(g + ${j * G}) * F + fx];`)}
  ${each(R, (j) => `var a${j} = s${j} * p[plane + (g + ${j * G}) * F];`)}
  ${each(R, (j) => `var b${j} = s${R - 1 - j} * p[plane + (partner + ${j * G}) * F];`)}
  ${butterflies(R, 'a', 1)}
  ${butterflies(R, 'b', 1)}
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
    p: 'var<storage, read> p : array<vec2f>',
    scale: true,
    turns: true,
    origins: true,
    clock: true,
    y: 'var<storage, read_write> y : array<vec4f>',
  } as const;
  const source = module('forward', { ...geometry }, bindings, body);
  return { source, workgroups: Math.ceil(F / lanes) * PAIRS * C };
}

/** dp of dq. */
export function foldBackward(geometry: SpectrumGeometry): SimdText {
  const { R, G, F, PAIRS, C, lanes } = geometry;
  const body = `${foldPlace(geometry)}
${each(
  R,
  (t) => `  ${residue(R, t)}
  let d${t} = textureLoad(dy, texel(at${t}));
  var a${t} = times(select(d${t}.xy + d${t}.zw, d${t}.xy, alone), conjugate(turn${t}));
  let other${t} = turn${t};
  var b${t} = times(d${t}.xy - d${t}.zw, ${turned(`other${t}`, (4 - t) % 4)});`,
  '\n',
)}
  ${butterflies(R, 'a', -1)}
  ${butterflies(R, 'b', -1)}
  ${each(R, (j) => `let s${j} = scale[(g + ${j * G}) * F + fx];`)}
  ${each(R, (j) => `put(plane + (g + ${j * G}) * F, s${j} * a${j});`)}
  if (!alone) { ${each(R, (j) => `put(plane + (partner + ${j * G}) * F, s${R - 1 - j} * b${j});`)} }`;
  const put = `
fn put(i : u32, value : vec2f) {
  var d = value;
  if (ACCUMULATE) { d += dp[i]; }
  dp[i] = d;
}
`;
  const bindings = {
    dy: 'texture',
    scale: true,
    turns: true,
    origins: true,
    clock: true,
    dp: 'var<storage, read_write> dp : array<vec2f>',
  } as const;
  const source = module('backward_p', { ...geometry }, bindings, body) + put;
  return { source, workgroups: Math.ceil(F / lanes) * PAIRS * C };
}
