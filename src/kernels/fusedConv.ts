// A convolution with everything around it in one kernel, for SIMD adapters (simdConvolution.ts):
//
//   y  = conv(x', w) + bias + a'[window]       x' = x or max(x,0),  a' = a or max(a,0) (the bypass of a residual sum)
//   dx = [x > 0] conv^T(dy)                    [x > 0] only where x was rectified
//   da = [a > 0] dy inside the window
//
// Batch norm with stored statistics is in w and bias (fold). Activations are packed (pack.ts): a texel holds four
// channels of a pixel. Weights come packed as well, one table of texels per direction:
//   w [C/4, R*S, K, 4]: tap t of channels 4c..4c+3 for output k       v [K/4, R'*S', step^2 C, 4]: see packForGradient
// where C and K are rounded up to whole texels, with weights of 0.

import addSource from './add.wgsl';
import { outputSize } from './conv2d.ts';
import { elements, expect, expectShape, type Op, type Pass, perElement, type Shape } from './op.ts';
import { packedShape, texels } from './pack.ts';
import type { AddSettings, Conv2dSettings } from './reference.ts';
import { simdConvolution } from './simdConvolution.ts';
import { simdPass } from './simdPass.ts';

export interface FusedConvSettings extends Conv2dSettings {
  /** input channels, rows and columns of the filter */
  filter: readonly [number, number, number];
  /** read max(x, 0) */
  rectify: boolean;
  /** where the window of `a` starts, and whether max(a, 0) is added; only with an input `a` */
  bypass?: AddSettings & { rectify: boolean };
  /** invocations of a subgroup, exactly */
  lanes: number;
}

const buffer = (number: number, access: 'read' | 'read_write', name: string): string =>
  `@group(0) @binding(${number}) var<storage, ${access}> ${name} : array<f32>;`;
const texture = (number: number, name: string): string =>
  `@group(0) @binding(${number}) var ${name} : texture_storage_2d<rgba32float, read>;`;

/** Sizes of a packed tensor [N,C/4,H,4W]. */
interface Packed {
  N: number;
  /** planes of texels */
  C4: number;
  H: number;
  W: number;
}

const packedSizes = ([N, C4, H, floats]: Shape): Packed => ({ N, C4, H, W: floats / 4 });

/** y, packed [N,K,P,Q], of x, packed [N,C,H,W], weights w and v, bias [K] and, with settings.bypass, a, packed [N,K,A,B]. */
export const fusedConv: Op<FusedConvSettings> = {
  name: 'fusedConv',
  source: addSource,
  recipe({ x, w, v, bias, a }, settings) {
    const {
      filter: [C, R, S],
      stride,
      pad: [top, left, bottom, right],
      bypass,
    } = settings;
    expectShape('fusedConv', 'x', x, [-1, texels(C), -1, -1]);
    expectShape('fusedConv', 'bias', bias, [-1]);
    const { N, H, W } = packedSizes(x);
    const [K] = bias;
    const [P, Q] = [outputSize(H, R, stride, top, bottom), outputSize(W, S, stride, left, right)];
    expect(
      'fusedConv',
      P > 0 && Q > 0,
      `a ${R}x${S} filter does not fit ${H}x${W} with padding ${settings.pad}.`,
    );
    const y = packedShape([N, K, P, Q]);
    expectShape('fusedConv', 'w', w, [texels(C), R * S, K, 4]);
    expectShape('fusedConv', 'v', v, gradientTable([K, C, R, S], stride));
    if (bypass) expectShape('fusedConv', 'a', a, [N, texels(K), -1, -1]);
    return {
      outputs: { y: { shape: y } },
      constants: {},
      forward: forwardPass(x, y, settings, a),
      backward: { x: gradientPass(x, y, settings), ...(bypass && { a: bypassPass(a, y, bypass) }) },
    };
  },
};

/** Multiplications and additions of the convolution, without padding channels of y. */
const flopsOf = (y: Shape, { filter: [C, R, S] }: FusedConvSettings): number => 2 * elements(y) * C * R * S;

function forwardPass(x: Shape, y: Shape, settings: FusedConvSettings, a: Shape | undefined): Pass {
  const { filter, stride, pad, rectify, lanes, bypass } = settings;
  const [C, R, S] = filter;
  const { C4, H, W } = packedSizes(x);
  const { C4: K4, H: P, W: Q } = packedSizes(y);
  const declarations = [
    texture(1, 'x'),
    texture(2, 'w'),
    buffer(3, 'read', 'bias'),
    buffer(4, 'read_write', 'y'),
  ];
  const bindings = ['x', 'w', 'bias', 'y'];
  const store = ['let plane = n * shape.outputs / 4 + k / 4;', 'var sum = value + bias[k];'];
  const extra: Record<string, number> = {};
  if (bypass) {
    bindings.push('a');
    declarations.push(buffer(5, 'read', 'a'));
    const [firstRow, firstColumn] = bypass.offset;
    const { H: a_H, W: a_W } = packedSizes(a!);
    Object.assign(extra, {
      a_H,
      a_W,
      a_top: firstRow,
      a_left: firstColumn,
      a_rectify: bypass.rectify ? 1 : 0,
    });
    store.push(
      'let there = a[4 * ((plane * shape.a_H + p + shape.a_top) * shape.a_W + q + shape.a_left) + k % 4];',
      'sum += select(there, max(there, 0.0), shape.a_rectify == 1);',
    );
  }
  store.push('y[4 * ((plane * shape.P + p) * shape.Q + q) + k % 4] = sum;');
  const kernel = {
    entryPoint: 'forward',
    declarations: declarations.join('\n'),
    read: 'x',
    weights: 'w',
    extra,
    store: store.join('\n  '),
  };
  const [top, left] = pad;
  const shape = { C4, H, W, P, Q, top, left, outputs: 4 * K4, rectify: rectify ? 1 : 0 };
  const text = simdConvolution({ lanes, R, S, stride, channels: Math.min(C, 4) }, shape, kernel);
  const flops = flopsOf(y, settings);
  return simdPass({ entryPoint: 'forward', bindings, invocations: perElement(y), flops }, lanes, text);
}

/**
 * The gradient of x as a convolution over dy. Row h of x is tap r of output row p when h + top = stride p + r. With
 * h + top = stride u + phase and r = phase + stride j this is p = u - j: for each of the stride^2 phases a convolution
 * of ceil(R / stride) taps over dy, at every u from the first that touches row 0 to the last that touches row H-1.
 */
function gradientPass(x: Shape, y: Shape, settings: FusedConvSettings): Pass {
  const { filter, stride, pad, rectify, lanes } = settings;
  const [[, R, S], [top, left]] = [filter, pad];
  const { C4, H, W } = packedSizes(x);
  const { C4: K4, H: P, W: Q } = packedSizes(y);
  const [rows, columns] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const [u, v] = [Math.floor(top / stride), Math.floor(left / stride)];
  const shape = {
    C4: K4,
    H: P,
    W: Q,
    P: Math.floor((H - 1 + top) / stride) - u + 1,
    Q: Math.floor((W - 1 + left) / stride) - v + 1,
    top: rows - 1 - u,
    left: columns - 1 - v,
    outputs: stride * stride * 4 * C4,
    rectify: 0,
  };
  const declarations = [
    texture(1, 'dy'),
    texture(2, 'v'),
    buffer(3, 'read', 'x'),
    buffer(4, 'read_write', 'dx'),
  ];
  const store = `let phase = k / (4 * shape.x_C4);
  let c = k % (4 * shape.x_C4);
  let h = (p + shape.u) * shape.x_stride + phase / shape.x_stride - shape.x_top;
  let column = (q + shape.v) * shape.x_stride + phase % shape.x_stride - shape.x_left;
  if (h < 0 || h >= shape.x_H || column < 0 || column >= shape.x_W) { return; }
  let i = 4 * (((n * shape.x_C4 + c / 4) * shape.x_H + h) * shape.x_W + column) + c % 4;
  var d = select(0.0, value, shape.x_rectify == 0 || x[i] > 0.0);
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;`;
  const extra = {
    u,
    v,
    x_C4: C4,
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
  const text = simdConvolution({ lanes, R: rows, S: columns, stride: 1, channels: 4 }, shape, kernel);
  const flops = flopsOf(y, settings);
  const bindings = ['dy', 'v', 'x', 'dx'];
  return simdPass({ entryPoint: 'backward_x', bindings, invocations: perElement(y), flops }, lanes, text);
}

/** add.wgsl on packed tensors, which are planes of rows of floats to it. */
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
    constants: { C, H, W, P: y[2], Q: y[3], TOP: top, LEFT: 4 * left, RECTIFY: rectify ? 1 : 0 },
    invocations: perElement(a),
    flops: elements(y),
  };
}

/** Shape of the weights that the gradient reads: [K/4, taps, phases times channels, 4]. */
const gradientTable = ([K, C, R, S]: Shape, stride: number): Shape => [
  texels(K),
  Math.ceil(R / stride) * Math.ceil(S / stride),
  stride * stride * 4 * texels(C),
  4,
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
    k < K && c < C ? weights[((k * C + c) * R + r) * S + s] * scale[k] : 0;
  const outputs = 4 * texels(K);
  const w = {
    shape: [texels(C), R * S, outputs, 4],
    data: new Float32Array(texels(C) * R * S * outputs * 4),
  };
  let at = 0;
  for (let c = 0; c < 4 * texels(C); c += 4)
    for (let r = 0; r < R; r++)
      for (let s = 0; s < S; s++)
        for (let k = 0; k < outputs; k++) for (let i = 0; i < 4; i++) w.data[at++] = weight(k, c + i, r, s);
  const bias = new Float32Array(outputs);
  for (let k = 0; k < K; k++) bias[k] = norm.beta[k] - norm.mean[k] * scale[k];
  return { w, v: packForGradient(weight, [K, C, R, S], stride), bias };
}

/** Tap (i,j) of phase (a,b) is the weight at r = a + stride (taps-1-i), turned, or 0 beyond the filter. */
function packForGradient(
  weight: (k: number, c: number, r: number, s: number) => number,
  [K, C, R, S]: Shape,
  stride: number,
): PackedConvolution['v'] {
  const [rows, columns] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const shape = gradientTable([K, C, R, S], stride);
  const data = new Float32Array(elements(shape));
  let at = 0;
  for (let k = 0; k < 4 * texels(K); k += 4)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let a = 0; a < stride; a++)
          for (let b = 0; b < stride; b++)
            for (let c = 0; c < 4 * texels(C); c++) {
              const [r, s] = [a + stride * (rows - 1 - i), b + stride * (columns - 1 - j)];
              const inside = r < R && s < S;
              for (let l = 0; l < 4; l++) data[at++] = inside ? weight(k + l, c, r, s) : 0;
            }
  return { shape, data };
}
