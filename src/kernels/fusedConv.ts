// A convolution with everything around it in one kernel, for SIMD adapters (simdConvolution.ts):
//
//   y  = conv(x', w) + bias + a'[window]       x' = x or max(x,0),  a' = a or max(a,0) (the bypass of a residual sum)
//   dx = [x > 0] conv^T(dy)                    [x > 0] only where x was rectified
//   da = [a > 0] dy inside the window
//
// Batch norm with stored statistics is in w and bias (fold). Weights come packed, one table per direction:
//   w [C, R*S, K]: tap t of channel c for output k           v [K, R'*S', step^2 C]: see packForGradient

import addSource from './add.wgsl';
import { outputSize } from './conv2d.ts';
import { elements, expect, expectShape, type Op, type Pass, perElement, type Shape } from './op.ts';
import type { AddSettings, Conv2dSettings } from './reference.ts';
import { simdConvolution } from './simdConvolution.ts';
import { simdPass } from './simdPass.ts';

export interface FusedConvSettings extends Conv2dSettings {
  /** rows and columns of the filter */
  filter: readonly [number, number];
  /** read max(x, 0) */
  rectify: boolean;
  /** where the window of `a` starts, and whether max(a, 0) is added; only with an input `a` */
  bypass?: AddSettings & { rectify: boolean };
  /** invocations of a subgroup, exactly */
  lanes: number;
}

const binding = (number: number, access: 'read' | 'read_write', name: string): string =>
  `@group(0) @binding(${number}) var<storage, ${access}> ${name} : array<f32>;`;

/** y [N,K,P,Q] of x [N,C,H,W], packed weights w and v, bias [K] and, with settings.bypass, a [N,K,A,B]. */
export const fusedConv: Op<FusedConvSettings> = {
  name: 'fusedConv',
  source: addSource,
  recipe({ x, w, v, bias, a }, settings) {
    expectShape('fusedConv', 'x', x, [-1, -1, -1, -1]);
    expectShape('fusedConv', 'bias', bias, [-1]);
    const {
      filter: [R, S],
      stride,
      pad: [top, left, bottom, right],
      bypass,
    } = settings;
    const [N, C, H, W] = x;
    const [K] = bias;
    const [P, Q] = [outputSize(H, R, stride, top, bottom), outputSize(W, S, stride, left, right)];
    const y: Shape = [N, K, P, Q];
    expect(
      'fusedConv',
      P > 0 && Q > 0,
      `a ${R}x${S} filter does not fit ${H}x${W} with padding ${settings.pad}.`,
    );
    expectShape('fusedConv', 'w', w, [C, R * S, K]);
    expectShape('fusedConv', 'v', v, gradientTable([K, C, R, S], stride));
    if (bypass) expectShape('fusedConv', 'a', a, [N, K, -1, -1]);
    return {
      outputs: { y: { shape: y } },
      constants: {},
      forward: forwardPass(x, y, settings, a),
      backward: { x: gradientPass(x, y, settings), ...(bypass && { a: bypassPass(a, y, bypass) }) },
    };
  },
};

function forwardPass([, C, H, W]: Shape, y: Shape, settings: FusedConvSettings, a: Shape | undefined): Pass {
  const { filter, stride, pad, rectify, lanes, bypass } = settings;
  const [[R, S], [top, left], [, K, P, Q]] = [filter, pad, y];
  const declarations = [
    binding(1, 'read', 'x'),
    binding(2, 'read', 'w'),
    binding(3, 'read', 'bias'),
    binding(4, 'read_write', 'y'),
  ];
  const bindings = ['x', 'w', 'bias', 'y'];
  const store = ['var sum = value + bias[k];'];
  const extra: Record<string, number> = {};
  if (bypass) {
    bindings.push('a');
    declarations.push(binding(5, 'read', 'a'));
    const [firstRow, firstColumn] = bypass.offset;
    Object.assign(extra, {
      a_H: a![2],
      a_W: a![3],
      a_top: firstRow,
      a_left: firstColumn,
      a_rectify: bypass.rectify ? 1 : 0,
    });
    store.push(
      'let there = a[((n * shape.outputs + k) * shape.a_H + p + shape.a_top) * shape.a_W + q + shape.a_left];',
      'sum += select(there, max(there, 0.0), shape.a_rectify == 1);',
    );
  }
  store.push('y[((n * shape.outputs + k) * shape.P + p) * shape.Q + q] = sum;');
  const kernel = {
    entryPoint: 'forward',
    declarations: declarations.join('\n'),
    read: 'x',
    weights: 'w',
    extra,
    store: store.join('\n  '),
  };
  const shape = { C, H, W, P, Q, top, left, outputs: K, rectify: rectify ? 1 : 0 };
  const text = simdConvolution({ lanes, R, S, stride }, shape, kernel);
  const flops = 2 * elements(y) * C * R * S;
  return simdPass({ entryPoint: 'forward', bindings, invocations: perElement(y), flops }, lanes, text);
}

/**
 * The gradient of x as a convolution over dy. Row h of x is tap r of output row p when h + top = stride p + r. With
 * h + top = stride u + phase and r = phase + stride j this is p = u - j: for each of the stride^2 phases a convolution
 * of ceil(R / stride) taps over dy, at every u from the first that touches row 0 to the last that touches row H-1.
 */
function gradientPass([, C, H, W]: Shape, y: Shape, settings: FusedConvSettings): Pass {
  const { filter, stride, pad, rectify, lanes } = settings;
  const [[R, S], [top, left], [, K, P, Q]] = [filter, pad, y];
  const [rows, columns] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const [u, v] = [Math.floor(top / stride), Math.floor(left / stride)];
  const shape = {
    C: K,
    H: P,
    W: Q,
    P: Math.floor((H - 1 + top) / stride) - u + 1,
    Q: Math.floor((W - 1 + left) / stride) - v + 1,
    top: rows - 1 - u,
    left: columns - 1 - v,
    outputs: stride * stride * C,
    rectify: 0,
  };
  const declarations = [
    binding(1, 'read', 'dy'),
    binding(2, 'read', 'v'),
    binding(3, 'read', 'x'),
    binding(4, 'read_write', 'dx'),
  ];
  const store = `let phase = k / shape.x_C;
  let h = (p + shape.u) * shape.x_stride + phase / shape.x_stride - shape.x_top;
  let column = (q + shape.v) * shape.x_stride + phase % shape.x_stride - shape.x_left;
  if (h < 0 || h >= shape.x_H || column < 0 || column >= shape.x_W) { return; }
  let i = ((n * shape.x_C + k % shape.x_C) * shape.x_H + h) * shape.x_W + column;
  var d = select(0.0, value, shape.x_rectify == 0 || x[i] > 0.0);
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;`;
  const extra = {
    u,
    v,
    x_C: C,
    x_H: H,
    x_W: W,
    x_top: top,
    x_left: left,
    x_stride: stride,
    x_rectify: rectify ? 1 : 0,
  };
  const kernel = {
    entryPoint: 'backward_x',
    declarations: ['override ACCUMULATE : bool = false;', ...declarations].join('\n'),
    read: 'dy',
    weights: 'v',
    extra,
    store,
  };
  const text = simdConvolution({ lanes, R: rows, S: columns, stride: 1 }, shape, kernel);
  const flops = 2 * elements(y) * C * R * S;
  const bindings = ['dy', 'v', 'x', 'dx'];
  return simdPass({ entryPoint: 'backward_x', bindings, invocations: perElement(y), flops }, lanes, text);
}

function bypassPass(
  a: Shape,
  y: Shape,
  { offset: [top, left], rectify }: NonNullable<FusedConvSettings['bypass']>,
): Pass {
  const [, C, H, W] = a;
  return {
    entryPoint: 'backward_a',
    bindings: ['a', 'dy', 'da'],
    source: addSource,
    constants: { C, H, W, P: y[2], Q: y[3], TOP: top, LEFT: left, RECTIFY: rectify ? 1 : 0 },
    invocations: perElement(a),
    flops: elements(y),
  };
}

/** Shape of the weights that the gradient reads: [K, taps, phases times channels]. */
const gradientTable = ([K, C, R, S]: Shape, stride: number): Shape => [
  K,
  Math.ceil(R / stride) * Math.ceil(S / stride),
  stride * stride * C,
];

export interface PackedConvolution {
  w: { shape: Shape; data: Float32Array };
  v: { shape: Shape; data: Float32Array };
  bias: Float32Array;
}

export interface FoldableNorm {
  gamma: ArrayLike<number>;
  beta: ArrayLike<number>;
  mean: ArrayLike<number>;
  variance: ArrayLike<number>;
  eps: number;
}

/** Folds a batch norm into weights [K,C,R,S], in float64, and packs them for both directions. */
export function packConvolution(
  weights: ArrayLike<number>,
  [K, C, R, S]: Shape,
  stride: number,
  norm: FoldableNorm,
): PackedConvolution {
  const scale = Float64Array.from(
    { length: K },
    (_, k) => norm.gamma[k] / Math.sqrt(norm.variance[k] + norm.eps),
  );
  const weight = (k: number, c: number, r: number, s: number) =>
    weights[((k * C + c) * R + r) * S + s] * scale[k];
  const w = new Float32Array(C * R * S * K);
  for (let c = 0; c < C; c++)
    for (let r = 0; r < R; r++)
      for (let s = 0; s < S; s++)
        for (let k = 0; k < K; k++) w[((c * R + r) * S + s) * K + k] = weight(k, c, r, s);
  const table = gradientTable([K, C, R, S], stride);
  return {
    w: { shape: [C, R * S, K], data: w },
    v: { shape: table, data: packForGradient(weight, [K, C, R, S], stride) },
    bias: Float32Array.from({ length: K }, (_, k) => norm.beta[k] - norm.mean[k] * scale[k]),
  };
}

/** Tap (i,j) of phase (a,b) is the weight at r = a + stride (taps-1-i), turned, or 0 beyond the filter. */
function packForGradient(
  weight: (k: number, c: number, r: number, s: number) => number,
  [K, C, R, S]: Shape,
  stride: number,
): Float32Array {
  const [rows, columns] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const v = new Float32Array(K * rows * columns * stride * stride * C);
  let at = 0;
  for (let k = 0; k < K; k++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let a = 0; a < stride; a++)
          for (let b = 0; b < stride; b++)
            for (let c = 0; c < C; c++) {
              const [r, s] = [a + stride * (rows - 1 - i), b + stride * (columns - 1 - j)];
              v[at++] = r < R && s < S ? weight(k, c, r, s) : 0;
            }
  return v;
}
