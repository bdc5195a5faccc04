// Normalisation with ImageNet's channel statistics, as torchvision's models expect. Of a packed image it is part of its last resampling (warp.ts).

import source from './normalize.wgsl';
import { elements, expectShape, type Op, perElement } from './op.ts';

/** y = (x - mean[c]) / std[c], x [N,3,H,W] in 0..1. */
export const normalize: Op = {
  name: 'normalize',
  source,
  recipe({ x }) {
    expectShape('normalize', 'x', x, [-1, 3, -1, -1]);
    const invocations = perElement(x);
    const flops = 2 * elements(x);
    return {
      outputs: { y: { shape: x } },
      constants: { PIXELS: x[2] * x[3] },
      forward: { entryPoint: 'forward', bindings: ['x', 'y'], invocations, flops },
      backward: { x: { entryPoint: 'backward_x', bindings: ['dy', 'dx'], invocations, flops } },
    };
  },
};
