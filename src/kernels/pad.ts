// Reflect padding and cropping: the pixels of y are pixels of x, moved. Where x and y lie in the frame is
// read per step and sample from `placements`.

import { elements, expect, expectShape, type Op, perElement, type Shape } from './op.ts';
import source from './pad.wgsl';

export interface PadOpSettings {
  /** rows and columns of the picture that reflects at its borders */
  frame: readonly [number, number];
  /** rows and columns of y */
  size: readonly [number, number];
}

/**
 * y [N,C,P,Q] of x [N,C,H,W]. `placements` i32 [steps,N,4] holds the frame coordinates (row, column) of the first
 * pixel of x and of y; padding wider than the frame minus one pixel is not supported. `clock` u32 [1].
 */
export const pad: Op<PadOpSettings> = {
  name: 'pad',
  source,
  recipe({ x, placements }, { frame, size }) {
    expectShape('pad', 'x', x, [-1, -1, -1, -1]);
    const [N, C, H, W] = x;
    expectShape('pad', 'placements', placements, [-1, N, 4]);
    expect(
      'pad',
      H <= frame[0] && W <= frame[1],
      `x (${H}x${W}) is larger than its frame (${frame.join('x')}).`,
    );
    const y: Shape = [N, C, ...size];
    const flops = elements(y);
    return {
      outputs: { y: { shape: y } },
      constants: { C, H, W, P: size[0], Q: size[1], H_FRAME: frame[0], W_FRAME: frame[1] },
      forward: {
        entryPoint: 'forward',
        bindings: ['x', 'placements', 'clock', 'y'],
        invocations: perElement(y),
        flops,
      },
      backward: {
        x: {
          entryPoint: 'backward_x',
          bindings: ['placements', 'clock', 'dy', 'dx'],
          invocations: perElement(x),
          flops,
        },
      },
    };
  },
};
