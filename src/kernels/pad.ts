// Reflect padding and cropping: the pixels of y are pixels of x, moved. Where x and y lie in the frame is
// read per step and sample from `placements`.

import { elements, expect, expectShape, type Op, perElement, type Recipe, type Shape } from './op.ts';
import { perTallPixel, TALL } from './pack.ts';
import packedSource from './packedPad.wgsl';
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
  recipe({ x, placements }, settings) {
    expectShape('pad', 'x', x, [-1, -1, -1, -1]);
    const [N, C, H, W] = x;
    const y = [N, C, ...settings.size];
    return recipeOf(placements, y, { C, H, W }, settings, perElement(x), perElement(y));
  },
};

/** The same for a packed image: y [N,1,P,4Q] of x [N,1,H,4W]. */
export const packedPad: Op<PadOpSettings> = {
  name: 'packedPad',
  source: packedSource,
  recipe({ x, placements }, settings) {
    expectShape('packedPad', 'x', x, [-1, 1, -1, -1]);
    const [N, , H, floats] = x;
    const W = floats / 4;
    const [P, Q] = settings.size;
    const [inputs, outputs] = [perTallPixel(N, H, W), perTallPixel(N, P, Q)];
    return recipeOf(placements, [N, 1, P, 4 * Q], { H, W, TALL }, settings, inputs, outputs);
  },
};

function recipeOf(
  placements: Shape,
  y: Shape,
  sizes: Record<'H' | 'W', number> & Record<string, number>,
  { frame, size: [P, Q] }: PadOpSettings,
  inputs: readonly [number, number],
  outputs: readonly [number, number],
): Recipe {
  const { H, W } = sizes;
  expectShape('pad', 'placements', placements, [-1, y[0], 4]);
  expect(
    'pad',
    H <= frame[0] && W <= frame[1],
    `x (${H}x${W}) is larger than its frame (${frame.join('x')}).`,
  );
  const flops = elements(y);
  const table = ['placements', 'clock'];
  return {
    outputs: { y: { shape: y } },
    constants: { ...sizes, P, Q, H_FRAME: frame[0], W_FRAME: frame[1] },
    forward: { entryPoint: 'forward', bindings: ['x', ...table, 'y'], invocations: outputs, flops },
    backward: {
      x: { entryPoint: 'backward_x', bindings: [...table, 'dy', 'dx'], invocations: inputs, flops },
    },
  };
}
