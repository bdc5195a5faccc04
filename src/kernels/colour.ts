// Colour: three decorrelated channels become RGB in (0,1).

import source from './colour.wgsl';
import { elements, expectShape, type Op } from './op.ts';

/** y [N,3,H,W] = sigmoid(COLOUR x), per pixel. The matrix is `COLOUR` of imageReference.ts. */
export const colour: Op = {
  name: 'colour',
  source,
  recipe({ x }) {
    expectShape('colour', 'x', x, [-1, 3, -1, -1]);
    const [N, , H, W] = x;
    const invocations = [H * W, N] as const;
    const flops = 12 * elements(x);
    return {
      outputs: { y: { shape: x } },
      constants: { PIXELS: H * W },
      forward: { entryPoint: 'forward', bindings: ['x', 'y'], invocations, flops },
      // the buffer of y is bound read_write and only read
      backward: { x: { entryPoint: 'backward_x', bindings: ['y', 'dy', 'dx'], invocations, flops } },
    };
  },
};
