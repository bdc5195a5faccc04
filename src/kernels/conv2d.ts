// Convolution: any filter, any stride, padding per side (negative padding reads a window of x). No bias.
// The gradient of w sums over samples and pixels, with few weights in early layers: groups of samples are summed side
// by side, as many as make WIDE invocations, and then added up. The number depends on shapes alone, never on the adapter.

import source from './conv2d.wgsl';
import { elements, expect, expectShape, type Op, type Pass, perElement, type Shape } from './op.ts';
import type { Conv2dSettings } from './reference.ts';

/** Rows (or columns) that fit: floor((size + before + after - filter) / stride) + 1. */
export const outputSize = (
  size: number,
  filter: number,
  stride: number,
  before: number,
  after: number,
): number => Math.floor((size + before + after - filter) / stride) + 1;

/** Invocations that keep a GPU busy. */
const WIDE = 2 ** 17;

/** dw of x and w: sums by group of samples, then over the groups. `sizes` are forward's constants. */
function backwardW(x: Shape, w: Shape, sizes: Record<string, number>, flops: number): Pass {
  const [N] = x;
  const weights = elements(w);
  const samples = Math.ceil(N / Math.min(N, Math.ceil(WIDE / weights)));
  const groups = Math.ceil(N / samples);
  const constants = { ...sizes, N, SAMPLES: samples };
  return {
    entryPoint: 'group_w',
    bindings: ['x', 'dy', 'parts'],
    scratch: { parts: [groups, ...w] },
    invocations: [weights, groups],
    flops,
    constants,
    next: {
      entryPoint: 'backward_w',
      bindings: ['parts', 'dw'],
      invocations: [weights, 1],
      flops: weights * groups,
    },
  };
}

/** y [N,K,P,Q] = conv2d(x [N,C,H,W], w [K,C,R,S]). Throws when shapes do not fit. */
export const conv2d: Op<Conv2dSettings> = {
  name: 'conv2d',
  source,
  recipe({ x, w }, { stride, pad: [top, left, bottom, right] }) {
    expectShape('conv2d', 'x', x, [-1, -1, -1, -1]);
    expectShape('conv2d', 'w', w, [-1, -1, -1, -1]);
    const [N, C, H, W] = x;
    const [K, wC, R, S] = w;
    expect('conv2d', wC === C, `x has ${C} channels, w expects ${wC}.`);
    expect(
      'conv2d',
      Number.isInteger(stride) && stride > 0,
      `stride is ${stride}, expected a positive whole number.`,
    );
    const P = outputSize(H, R, stride, top, bottom);
    const Q = outputSize(W, S, stride, left, right);
    expect(
      'conv2d',
      P > 0 && Q > 0,
      `a ${R}x${S} filter does not fit ${H}x${W} with padding ${top},${left},${bottom},${right}.`,
    );
    const y: Shape = [N, K, P, Q];
    const flops = 2 * elements(y) * C * R * S;
    const constants = { C, H, W, K, P, Q, R, S, STRIDE: stride, TOP: top, LEFT: left };
    return {
      outputs: { y: { shape: y } },
      constants,
      forward: { entryPoint: 'forward', bindings: ['x', 'w', 'y'], invocations: perElement(y), flops },
      backward: {
        x: { entryPoint: 'backward_x', bindings: ['w', 'dy', 'dx'], invocations: perElement(x), flops },
        w: backwardW(x, w, constants, flops),
      },
    };
  },
};
