// ReLU.

import { elements, type Op, perElement, perSample } from './op.ts';
import source from './relu.wgsl';

/** y = max(x, 0), any shape [N,...]. */
export const relu: Op = {
  name: 'relu',
  source,
  recipe({ x }) {
    const invocations = perElement(x);
    return {
      outputs: { y: { shape: x } },
      constants: { SIZE: perSample(x) },
      forward: { entryPoint: 'forward', bindings: ['x', 'y'], invocations, flops: elements(x) },
      backward: {
        x: { entryPoint: 'backward_x', bindings: ['x', 'dy', 'dx'], invocations, flops: elements(x) },
      },
    };
  },
};
