// What the fused convolutions share (fusedConv.ts on packed tensors, gemmConv.ts on planar ones): what a second operand
// is to the result, the gradient of a bypass, and the gradient of x as a convolution.

import addSource from './add.wgsl';
import { elements, type Pass, perElement, type Shape } from './op.ts';
import type { AddSettings, Conv2dSettings } from './reference.ts';

/** What `other` is to the result; gemmConv.wgsl repeats these numbers. */
export const OTHER = { nothing: 0, added: 1, addedRectified: 2, mask: 3 };

/** Where the window of `a` starts, and whether max(a, 0) is added. */
export type BypassSettings = AddSettings & { rectify: boolean };

/** da: add.wgsl's gradient, in rows of `side` floats per pixel (4 where tensors are packed). */
export function bypassPass(
  a: Shape,
  y: Shape,
  { offset: [top, left], rectify }: BypassSettings,
  side: 1 | 4,
): Pass {
  const [, C, H, W] = a;
  return {
    entryPoint: 'backward_a',
    bindings: ['a', 'dy', 'da'],
    source: addSource,
    constants: { C, H, W, P: y[2], Q: y[3], TOP: top, LEFT: side * left, RECTIFY: rectify ? 1 : 0 },
    invocations: perElement(a),
    flops: elements(y),
  };
}

/**
 * The gradient of x as a convolution over dy. Row h of x is tap r of output row p when h + top = stride p + r. With
 * h + top = stride u + phase and r = phase + stride j this is p = u - j: for each of the stride^2 phases a convolution
 * of ceil(R / stride) taps over dy, at every u from the first that touches row 0 to the last that touches row H-1.
 * Returns its taps R x S, its positions P x Q, its padding, and the first u and v.
 */
export function subPixelConvolution(
  [R, S]: readonly [number, number],
  { stride, pad: [top, left] }: Conv2dSettings,
  [H, W]: readonly [number, number],
) {
  const [rows, columns] = [Math.ceil(R / stride), Math.ceil(S / stride)];
  const [u, v] = [Math.floor(top / stride), Math.floor(left / stride)];
  return {
    R: rows,
    S: columns,
    P: Math.floor((H - 1 + top) / stride) - u + 1,
    Q: Math.floor((W - 1 + left) / stride) - v + 1,
    top: rows - 1 - u,
    left: columns - 1 - v,
    u,
    v,
  };
}
