// Global average pool: the mean of every channel's map.

import source from './globalAveragePool.wgsl';
import { elements, expectShape, type Op, perElement } from './op.ts';

/** y [N,C] = mean over the pixels of x [N,C,H,W]. */
export const globalAveragePool: Op = {
  name: 'globalAveragePool',
  source,
  recipe({ x }) {
    expectShape('globalAveragePool', 'x', x, [-1, -1, -1, -1]);
    const [N, C, H, W] = x;
    const flops = elements(x);
    return {
      outputs: { y: { shape: [N, C] } },
      constants: { C, PIXELS: H * W },
      forward: { entryPoint: 'forward', bindings: ['x', 'y'], invocations: [C, N], flops },
      backward: {
        x: { entryPoint: 'backward_x', bindings: ['dy', 'dx'], invocations: perElement(x), flops },
      },
    };
  },
};
