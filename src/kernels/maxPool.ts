// Max pooling. The argmax is saved, so the gradient goes exactly where the maximum came from.

import { outputSize } from './conv2d.ts';
import source from './maxPool.wgsl';
import { elements, expect, expectShape, type Op, perElement, type Shape } from './op.ts';
import type { MaxPoolSettings } from './reference.ts';

/** y, argmax [N,C,P,Q] of x [N,C,H,W]. Every window must cover at least one pixel of x. */
export const maxPool: Op<MaxPoolSettings> = {
  name: 'maxPool',
  source,
  recipe({ x }, { size, stride, pad: [top, left, bottom, right] }) {
    expectShape('maxPool', 'x', x, [-1, -1, -1, -1]);
    const [N, C, H, W] = x;
    const P = outputSize(H, size, stride, top, bottom);
    const Q = outputSize(W, size, stride, left, right);
    const covered = P > 0 && Q > 0 && Math.max(top, left, bottom, right) < size;
    expect(
      'maxPool',
      covered,
      `a window of ${size} with padding ${top},${left},${bottom},${right} misses x (${H}x${W}).`,
    );
    const shape: Shape = [N, C, P, Q];
    const flops = elements(shape) * size * size;
    return {
      outputs: { y: { shape }, argmax: { shape, type: 'u32' } },
      constants: { C, H, W, P, Q, SIZE: size, STRIDE: stride, TOP: top, LEFT: left },
      forward: {
        entryPoint: 'forward',
        bindings: ['x', 'y', 'argmax'],
        invocations: perElement(shape),
        flops,
      },
      backward: {
        x: { entryPoint: 'backward_x', bindings: ['argmax', 'dy', 'dx'], invocations: perElement(x), flops },
      },
    };
  },
};
