// Convolution: any filter, any stride, padding per side (negative padding reads a window of x). No bias.

import source from './conv2d.wgsl';
import { elements, expect, expectShape, type Op, perElement, type Shape } from './op.ts';
import type { Conv2dSettings } from './reference.ts';

/** Rows (or columns) that fit: floor((size + before + after - filter) / stride) + 1. */
export const outputSize = (
  size: number,
  filter: number,
  stride: number,
  before: number,
  after: number,
): number => Math.floor((size + before + after - filter) / stride) + 1;

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
    return {
      outputs: { y: { shape: y } },
      constants: { C, H, W, K, P, Q, R, S, STRIDE: stride, TOP: top, LEFT: left },
      forward: { entryPoint: 'forward', bindings: ['x', 'w', 'y'], invocations: perElement(y), flops },
      backward: {
        x: { entryPoint: 'backward_x', bindings: ['w', 'dy', 'dx'], invocations: perElement(x), flops },
      },
    };
  },
};
