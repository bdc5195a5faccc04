// A convolution whose weights learn, for SIMD adapters: fusedConv's kernels in both directions, without batch norm, on
// tables that are made from w [K,C,R,S] in every step (weightTable.wgsl), and the gradient of w
// (simdWeightGradient.ts). x, y and their gradients are packed (pack.ts).

import { outputSize } from './conv2d.ts';
import { forwardPass, gradientPass } from './fusedConv.ts';
import { gradientTable, weightTable } from './fusedWeights.ts';
import { elements, expect, expectShape, type Op, type Pass, type Shape } from './op.ts';
import { packedShape, texels } from './pack.ts';
import type { Conv2dSettings } from './reference.ts';
import { partsOf, simdWeightGradient } from './simdWeightGradient.ts';
import tableSource from './weightTable.wgsl';

export interface TrainedConvSettings extends Conv2dSettings {
  /** invocations of a subgroup, exactly */
  lanes: number;
}

export interface TableSettings {
  stride: number;
  direction: 'straight' | 'turned';
}

/** The table of weights w [K,C,R,S] that trained convolutions read in one direction. It has no gradient of its own. */
export const convTable: Op<TableSettings> = {
  name: 'convTable',
  source: tableSource,
  recipe({ w }, { stride, direction }) {
    expectShape('convTable', 'w', w, [-1, -1, -1, -1]);
    const [K, C, R, S] = w;
    const shape = direction === 'straight' ? weightTable(w) : gradientTable(w, stride);
    const size = elements(shape);
    return {
      outputs: { y: { shape } },
      constants: { K, C, R, S, STRIDE: stride, PLANES: texels(direction === 'straight' ? K : C), SIZE: size },
      forward: { entryPoint: direction, bindings: ['w', 'y'], invocations: [size, 1], flops: size },
      backward: {},
    };
  },
};

/** y, packed [N,K,P,Q], of x, packed [N,C,H,W], weights w [K,C,R,S] and their two tables. */
export const trainedConv: Op<TrainedConvSettings> = {
  name: 'trainedConv',
  source: tableSource,
  recipe({ x, w, table, turned }, settings) {
    const {
      stride,
      pad: [top, left, bottom, right],
    } = settings;
    expectShape('trainedConv', 'w', w, [-1, -1, -1, -1]);
    const [K, C, R, S] = w;
    expectShape('trainedConv', 'x', x, [-1, texels(C), -1, -1]);
    expectShape('trainedConv', 'table', table, weightTable(w));
    expectShape('trainedConv', 'turned', turned, gradientTable(w, stride));
    const [N, , H, floats] = x;
    const W = floats / 4;
    const [P, Q] = [outputSize(H, R, stride, top, bottom), outputSize(W, S, stride, left, right)];
    const fits = P > 0 && Q > 0;
    expect('trainedConv', fits, `a ${R}x${S} filter does not fit ${H}x${W} with padding ${settings.pad}.`);
    const y = packedShape([N, K, P, Q]);
    const fused = { ...settings, filter: [C, R, S] as const, rectify: false, biased: false };
    // nothing is added: what the text reads bias and bypass from is bound to some buffer
    const bound = { bias: 'w', other: 'w' };
    return {
      outputs: { y: { shape: y } },
      constants: {},
      forward: {
        ...forwardPass(x, y, fused),
        operands: { ...bound, input: 'x', weights: 'table', result: 'y' },
      },
      backward: {
        x: {
          ...gradientPass(x, y, fused),
          operands: { ...bound, input: 'dy', weights: 'turned', result: 'dx' },
        },
        w: weightPass(w, settings, { N, C, H, W, K, P, Q, top, left }),
      },
    };
  },
};

function weightPass(
  w: Shape,
  { stride, lanes }: TrainedConvSettings,
  shape: Parameters<typeof simdWeightGradient>[1],
): Pass {
  const [K, C, R, S] = w;
  const filter = { lanes, R, S, stride, channels: Math.min(C, 4) };
  const gradient = simdWeightGradient(filter, shape);
  const { source, workgroups, groups, shape: numbers } = gradient;
  return {
    entryPoint: 'group_w',
    bindings: ['x', 'dy', 'parts'],
    scratch: { parts: partsOf(w, gradient) },
    source,
    workgroupSize: lanes,
    invocations: [workgroups * lanes, groups],
    flops: 2 * shape.N * K * shape.P * shape.Q * C * R * S,
    shape: [...numbers, 0],
    next: {
      entryPoint: 'backward_w',
      bindings: ['parts', 'dw', 'shape'],
      invocations: [elements(w), 1],
      flops: groups * elements(w),
    },
  };
}
