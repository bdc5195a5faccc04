// A convolution with everything around it in one kernel, for SIMD adapters (simdConvolution.ts):
//
//   y  = conv(x', w) + bias + a'[window]       x' = x or max(x,0),  a' = a or max(a,0) (the bypass of a residual sum)
//   dx = [x > 0] conv^T(dy)                    [x > 0] only where x was rectified
//   da = [a > 0] dy inside the window
//
// Batch norm with stored statistics is in w and bias (fold). Activations are packed (pack.ts): a texel holds four
// channels of a pixel. Weights come packed as well, one table of texels per direction:
//   w [C/4, R*S, K, 4]: tap t of channels 4c..4c+3 for output k       v [K/4, R'*S', step^2 C, 4]: see packForGradient
// where C and K are rounded up to whole texels, with weights of 0. With the weights at Winograd's points as well
// (simdWinograd.ts), as inputs `wPoints` or `vPoints`, that direction goes Winograd's way.

import addSource from './add.wgsl';
import { outputSize } from './conv2d.ts';
import {
  type BypassSettings,
  bypassPass,
  OTHER,
  phasedConvolution,
  subPixelConvolution,
} from './convolutionParts.ts';
import { gradientTable, weightTable } from './fusedWeights.ts';
import { elements, expect, expectShape, type Op, type Pass, type Shape } from './op.ts';
import { packedShape, texels } from './pack.ts';
import type { Conv2dSettings } from './reference.ts';
import { type SimdKernel, type SimdShape, simdConvolution } from './simdConvolution.ts';
import { simdPass } from './simdPass.ts';
import type { SimdFilter } from './simdTiles.ts';
import { pointsShape, type WinogradWork, winogradPass, winogradPays } from './simdWinograd.ts';

export interface FusedConvSettings extends Conv2dSettings {
  /** input channels, rows and columns of the filter */
  filter: readonly [number, number, number];
  /** read max(x, 0) */
  rectify: boolean;
  /** only with an input `a` */
  bypass?: BypassSettings;
  /** false: nothing is added */
  biased?: boolean;
  /** invocations of a subgroup, exactly */
  lanes: number;
  /** the texels of w and v are halves */
  float16?: boolean;
}

/** One text for both directions. `other` is the bypass going forward and x going back. */
const KERNEL: SimdKernel = {
  entryPoint: 'convolve',
  declarations: `@group(0) @binding(1) var input : texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var weights : texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> bias : array<f32>;
@group(0) @binding(4) var<storage, read> other : array<f32>;
@group(0) @binding(5) var<storage, read_write> result : array<f32>;`,
  read: 'input',
  weights: 'weights',
  extra: [
    ...['y_C4', 'y_H', 'y_W', 'y_stride', 'y_top', 'y_left', 'u', 'v', 'biased'],
    ...['other_is', 'other_H', 'other_W', 'other_top', 'other_left', 'accumulate'],
  ],
  // a lane's channel and phase: divisions cost more than a pixel's products, so they stand before the loop
  prepare: `if (!reached && shape.accumulate == 1) { continue; }
    // stride^2 phases of sub-pixels, of this lane or of others, one of them going forward
    let output = phase * shape.outputs + k;
    let sub_pixel = output / (4 * shape.y_C4);
    let c = output % (4 * shape.y_C4);
    let first_h = shape.u * shape.y_stride + sub_pixel / shape.y_stride - shape.y_top;
    let first_v = shape.v * shape.y_stride + sub_pixel % shape.y_stride - shape.y_left;
    let y_plane = n * shape.y_C4 + c / 4;
    let addend = select(0.0, bias[c], shape.biased == 1);`,
  store: `let h = p * shape.y_stride + first_h;
        let v = q * shape.y_stride + first_v;
        if (h < 0 || h >= shape.y_H || v < 0 || v >= shape.y_W) { continue; }
        let i = 4 * ((y_plane * shape.y_H + h) * shape.y_W + v) + c % 4;
        var sum = value + addend;
        if (shape.other_is != ${OTHER.nothing}) {
          let at = (y_plane * shape.other_H + h + shape.other_top) * shape.other_W + v + shape.other_left;
          let there = other[4 * at + c % 4];
          if (shape.other_is == ${OTHER.added}) { sum += there; }
          if (shape.other_is == ${OTHER.addedRectified}) { sum += max(there, 0.0); }
          if (shape.other_is == ${OTHER.mask}) { sum = select(0.0, sum, there > 0.0); }
        }
        if (shape.accumulate == 1) { sum += result[i]; }
        result[i] = sum;`,
};

/** A texel of halves is four floats as well, once it is loaded. */
const KERNEL_OF_HALVES: SimdKernel = {
  ...KERNEL,
  declarations: KERNEL.declarations.replace(
    'weights : texture_storage_2d<rgba32float',
    'weights : texture_storage_2d<rgba16float',
  ),
};

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
  recipe({ x, w, v, bias, a, wPoints, vPoints }, settings) {
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
    expectShape('fusedConv', 'w', w, weightTable([K, C, R, S]));
    expectShape('fusedConv', 'v', v, gradientTable([K, C, R, S], stride));
    if (wPoints) expectShape('fusedConv', 'wPoints', wPoints, pointsShape(w));
    if (vPoints) expectShape('fusedConv', 'vPoints', vPoints, pointsShape(v));
    const allowed = stride === 1 && R === 3 && S === 3;
    expect('fusedConv', allowed || !(wPoints || vPoints), 'only 3x3 filters of stride 1 have points.');
    if (bypass) expectShape('fusedConv', 'a', a, [N, texels(K), -1, -1]);
    return {
      outputs: { y: { shape: y } },
      constants: {},
      forward: forwardPass(x, y, settings, a, wPoints),
      backward: {
        x: gradientPass(x, y, settings, vPoints),
        ...(bypass && { a: bypassPass(a, y, bypass, 4) }),
      },
    };
  },
};

/** Multiplications and additions of the convolution, without padding channels of y. */
const flopsOf = (y: Shape, { filter: [C, R, S] }: FusedConvSettings): number => 2 * elements(y) * C * R * S;

function forwardShape(x: Shape, y: Shape, { pad: [top, left], rectify }: FusedConvSettings): SimdShape {
  const { N, C4, H, W } = packedSizes(x);
  const { C4: K4, H: P, W: Q } = packedSizes(y);
  return { N, C4, H, W, P, Q, top, left, outputs: 4 * K4, rectify: rectify ? 1 : 0 };
}

export function forwardPass(
  x: Shape,
  y: Shape,
  settings: FusedConvSettings,
  a?: Shape,
  points?: Shape,
): Pass {
  const { filter, stride, bypass, biased = true } = settings;
  const [C, R, S] = filter;
  const { C4: K4, H: P, W: Q } = packedSizes(y);
  const added = bypass && packedSizes(a!);
  const extra = {
    ...{ y_C4: K4, y_H: P, y_W: Q, y_stride: 1, y_top: 0, y_left: 0, u: 0, v: 0 },
    biased: biased ? 1 : 0,
    other_is: bypass ? (bypass.rectify ? OTHER.addedRectified : OTHER.added) : OTHER.nothing,
    other_H: added?.H ?? 0,
    other_W: added?.W ?? 0,
    other_top: bypass?.offset[0] ?? 0,
    other_left: bypass?.offset[1] ?? 0,
  };
  const operands = { input: 'x', weights: 'w', other: bypass ? 'a' : 'bias', result: 'y' };
  const flops = flopsOf(y, settings);
  const work = { lanes: settings.lanes, samples: y[0], shape: forwardShape(x, y, settings), extra, flops };
  if (points) return winogradPass(work, { ...operands, weight_points: 'wPoints' });
  return convolutionPass(work, { R, S, stride, channels: Math.min(C, 4) }, operands, settings);
}

/** The gradient of x as a convolution of dy: outputs are channels where a lane has enough of them, else phases of channels. */
function gradientOf(x: Shape, y: Shape, { filter: [, R, S], stride, pad, lanes }: FusedConvSettings) {
  const { N, C4, H, W } = packedSizes(x);
  const { C4: K4, H: P, W: Q } = packedSizes(y);
  const read = { N, C4: K4, H: P, W: Q, rectify: 0 };
  const common = { lanes, stride: 1, channels: 4 };
  if (stride > 1 && 4 * C4 >= lanes) {
    const { R: rows, S: columns, phases, ...places } = phasedConvolution([R, S], { stride, pad }, [H, W]);
    const weights = Math.ceil(R / stride) * Math.ceil(S / stride) * stride ** 2;
    const filter: SimdFilter = { ...common, R: rows, S: columns, phases, weights };
    const shape: SimdShape = { ...read, ...places, outputs: 4 * C4 };
    return { filter, shape, first: { u: 0, v: 0, y_top: 0, y_left: 0 } };
  }
  const { R: rows, S: columns, u, v, ...places } = subPixelConvolution([R, S], { stride, pad }, [H, W]);
  const filter: SimdFilter = { ...common, R: rows, S: columns };
  const shape: SimdShape = { ...read, ...places, outputs: stride ** 2 * 4 * C4 };
  return { filter, shape, first: { u, v, y_top: pad[0], y_left: pad[1] } };
}

export function gradientPass(x: Shape, y: Shape, settings: FusedConvSettings, points?: Shape): Pass {
  const { stride, rectify, lanes } = settings;
  const { C4, H, W } = packedSizes(x);
  const { filter, shape, first } = gradientOf(x, y, settings);
  const extra = {
    ...{ y_C4: C4, y_H: H, y_W: W, y_stride: stride, ...first, biased: 0 },
    other_is: rectify ? OTHER.mask : OTHER.nothing,
    ...{ other_H: H, other_W: W, other_top: 0, other_left: 0 },
  };
  const operands = { input: 'dy', weights: 'v', other: 'x', result: 'dx' };
  const work = { lanes, samples: y[0], shape, extra, flops: flopsOf(y, settings) };
  if (points) return winogradPass(work, { ...operands, weight_points: 'vPoints' });
  return convolutionPass(work, filter, operands, settings);
}

function convolutionPass(
  { lanes, samples, shape, extra, flops }: WinogradWork,
  filter: Omit<SimdFilter, 'lanes'>,
  operands: Record<string, string>,
  { float16 }: Pick<FusedConvSettings, 'float16'>,
): Pass {
  const kernel = float16 ? KERNEL_OF_HALVES : KERNEL;
  const text = simdConvolution({ lanes, ...filter }, shape, kernel, { ...extra, accumulate: 0 });
  const bindings = ['input', 'weights', 'bias', 'other', 'result'];
  const pass = { entryPoint: kernel.entryPoint, bindings, operands, flops };
  return simdPass({ ...pass, invocations: [0, samples] }, lanes, text);
}

/** In which directions Winograd's way takes less time for x [N,C/4,H,4W] and K outputs. */
export function winogradWays(
  x: Shape,
  K: number,
  settings: FusedConvSettings,
): { forward: boolean; gradient: boolean } {
  const {
    filter: [, R, S],
    stride,
    pad: [top, left, bottom, right],
    lanes,
  } = settings;
  if (stride !== 1 || R !== 3 || S !== 3) return { forward: false, gradient: false };
  const { N, H, W } = packedSizes(x);
  const y = packedShape([N, K, outputSize(H, R, 1, top, bottom), outputSize(W, S, 1, left, right)]);
  return {
    forward: winogradPays(lanes, forwardShape(x, y, settings)),
    gradient: winogradPays(lanes, gradientOf(x, y, settings).shape),
  };
}
