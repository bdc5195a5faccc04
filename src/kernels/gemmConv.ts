// A convolution with everything around it as a product of matrices, for real GPUs (gemmConv.wgsl):
//
//   y  = conv(x', w) + bias + a'[window]       x' = x or max(x,0),  a' = a or max(a,0) (the bypass of a residual sum)
//   dx = [x > 0] conv^T(dy)                    [x > 0] only where x was rectified
//   da = [a > 0] dy inside the window
//
// Tensors are planar, [N,C,H,W]. Batch norm with stored statistics is in the weights and the bias (gemmWeights.ts).
// One text serves both directions, for the gradient is a convolution again. Row h of x is tap r of output row p when
// h + top = stride p + r. With h + top = stride u + phase and r = phase + stride j this is p = u - j: for each of the
// stride^2 phases a convolution of ceil(R / stride) taps over dy, whose results are the sub-pixels of position u.

import { outputSize } from './conv2d.ts';
import { type BypassSettings, bypassPass, OTHER, subPixelConvolution } from './convolutionParts.ts';
import source from './gemmConv.wgsl';
import { type Product, partsShape, type Tiling, threadsOf, tilesOf } from './gemmTiling.ts';
import { gradientMatrix, weightMatrix } from './gemmWeights.ts';
import { elements, expect, expectShape, type Op, type Pass, type Shape } from './op.ts';
import type { Conv2dSettings } from './reference.ts';

export interface GemmConvSettings extends Conv2dSettings {
  /** input channels, rows and columns of the filter */
  filter: readonly [number, number, number];
  /** read max(x, 0) */
  rectify: boolean;
  /** where the window of `a` starts, and whether max(a, 0) is added; only with an input `a` */
  bypass?: BypassSettings;
  /** how a product is cut into workgroups; gemmTiling.ts has the default */
  tiling: (product: Product) => Tiling;
  /** the elements of w and v are halves */
  float16?: boolean;
}

/** The text for weights that are stored as halves. */
const sourceOfHalves = source
  .replace('alias Stored = vec4f;', 'alias Stored = vec2u;')
  .replace('return w;', 'return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));');

/** Numbers of `struct Shape`, by its names, in its order. */
const SHAPE = [
  ...['N', 'C', 'H', 'W', 'top', 'left', 'rectify', 'R', 'S', 'stride', 'P', 'Q', 'outputs', 'split'],
  ...['y_C', 'y_H', 'y_W', 'biased', 'subpixels', 'y_top', 'y_left', 'u', 'v'],
  ...['other_is', 'other_H', 'other_W', 'other_top', 'other_left', 'accumulate'],
] as const;

/** Square filters with kernels of their own: ResNet18's, and what their gradients are. Others share one. */
const KNOWN_FILTERS: readonly number[] = [1, 2, 3, 4, 7];

type Numbers = Record<(typeof SHAPE)[number], number>;

/** y [N,K,P,Q] of x [N,C,H,W], weights w and v, bias [K] and, with settings.bypass, a [N,K,A,B]. */
export const gemmConv: Op<GemmConvSettings> = {
  name: 'gemmConv',
  source,
  recipe({ x, w, v, bias, a }, settings) {
    const {
      filter: [C, R, S],
      stride,
      pad: [top, left, bottom, right],
      bypass,
    } = settings;
    expectShape('gemmConv', 'x', x, [-1, C, -1, -1]);
    expectShape('gemmConv', 'bias', bias, [-1]);
    const [N, , H, W] = x;
    const [K] = bias;
    const [P, Q] = [outputSize(H, R, stride, top, bottom), outputSize(W, S, stride, left, right)];
    expect(
      'gemmConv',
      P > 0 && Q > 0,
      `a ${R}x${S} filter does not fit ${H}x${W} with padding ${settings.pad}.`,
    );
    const y: Shape = [N, K, P, Q];
    expectShape('gemmConv', 'w', w, weightMatrix([K, C, R, S]));
    expectShape('gemmConv', 'v', v, gradientMatrix([K, C, R, S], stride));
    if (bypass) expectShape('gemmConv', 'a', a, [N, K, -1, -1]);
    const forward = forwardPass(x, y, settings, a);
    return {
      outputs: { y: { shape: y } },
      constants: forward.constants!,
      forward,
      backward: { x: gradientPass(x, y, settings), ...(bypass && { a: bypassPass(a, y, bypass, 1) }) },
    };
  },
};

function forwardPass(x: Shape, y: Shape, settings: GemmConvSettings, a: Shape | undefined): Pass {
  const { filter, stride, pad, rectify, bypass } = settings;
  const [[, R, S], [top, left]] = [filter, pad];
  const [N, C, H, W] = x;
  const [, K, P, Q] = y;
  const numbers = {
    ...{ N, C, H, W, top, left, rectify: rectify ? 1 : 0, R, S, stride, P, Q, outputs: K },
    ...{ y_C: K, y_H: P, y_W: Q, biased: 1, subpixels: 1, y_top: 0, y_left: 0, u: 0, v: 0 },
    other_is: bypass ? (bypass.rectify ? OTHER.addedRectified : OTHER.added) : OTHER.nothing,
    other_H: a?.[2] ?? 0,
    other_W: a?.[3] ?? 0,
    other_top: bypass?.offset[0] ?? 0,
    other_left: bypass?.offset[1] ?? 0,
  };
  const operands = { given: 'x', weights: 'w', other: bypass ? 'a' : 'bias', result: 'y' };
  return productPass(numbers, operands, settings, flopsOf(y, settings));
}

/** At every u from the first that touches row 0 of x to the last that touches row H-1; see above. */
function gradientPass(x: Shape, y: Shape, settings: GemmConvSettings): Pass {
  const { filter, stride, pad, rectify } = settings;
  const [[, R, S], [top, left]] = [filter, pad];
  const [N, C, H, W] = x;
  const [, K, P, Q] = y;
  const { u, v, ...back } = subPixelConvolution([R, S], settings, [H, W]);
  const numbers = {
    ...{ N, C: K, H: P, W: Q, rectify: 0, stride: 1 },
    ...back,
    outputs: stride * stride * C,
    ...{ y_C: C, y_H: H, y_W: W, biased: 0, subpixels: stride, y_top: top, y_left: left, u, v },
    other_is: rectify ? OTHER.mask : OTHER.nothing,
    ...{ other_H: H, other_W: W, other_top: 0, other_left: 0 },
  };
  const operands = { given: 'dy', weights: 'v', other: 'x', result: 'dx' };
  return productPass(numbers, operands, settings, flopsOf(y, settings));
}

const flopsOf = (y: Shape, { filter: [C, R, S] }: GemmConvSettings): number => 2 * elements(y) * C * R * S;

/** One dispatch, or two with the parts of split sums between them. */
function productPass(
  numbers: Omit<Numbers, 'split' | 'accumulate'>,
  operands: Readonly<Record<string, string>>,
  settings: GemmConvSettings,
  flops: number,
): Pass {
  const { N: samples, C, R, S, P, Q, outputs } = numbers;
  const product = { outputs, depth: C * R * S, positions: P * Q, samples };
  const tiling = settings.tiling(product);
  const [[TILE_M, TILE_N], THREADS, { split }] = [tiling.tile, threadsOf(tiling), tiling];
  const [down, across] = tilesOf(product, tiling);
  const known: Numbers = { ...numbers, split, accumulate: 0 };
  const FILTER = R === S && KNOWN_FILTERS.includes(R) ? R : 0;
  const [TALL, UNROLL] = [tiling.tall, tiling.unroll].map(Number);
  const constants = { FILTER, TILE_M, TILE_N, THREADS, TALL, UNROLL };
  const convolve: Pass = {
    entryPoint: 'convolve',
    bindings: ['given', 'weights', 'bias', 'other', 'result'],
    operands,
    constants,
    ...(settings.float16 && { source: sourceOfHalves }),
    invocations: [across * THREADS, down * split],
    workgroupSize: THREADS,
    flops,
    shape: SHAPE.map((name) => known[name]),
  };
  if (split === 1) return convolve;
  const reduce: Pass = {
    entryPoint: 'reduce',
    bindings: ['parts', 'bias', 'other', 'result', 'shape'],
    operands,
    constants: {},
    invocations: [outputs * P * Q * samples, 1],
    flops: split * outputs * P * Q * samples,
  };
  const scratch = { parts: partsShape(product, tiling) };
  return { ...convolve, operands: { ...operands, result: 'parts' }, scratch, next: reduce };
}
