// The classifier: a matrix and a bias.

import source from './linear.wgsl';
import { expectShape, type Op } from './op.ts';

/** y [N,K] = x [N,C] w^T + b, with w [K,C] and b [K]. */
export const linear: Op = {
  name: 'linear',
  source,
  recipe({ x, w, b }) {
    expectShape('linear', 'x', x, [-1, -1]);
    const [N, C] = x;
    expectShape('linear', 'w', w, [-1, C]);
    const [K] = w;
    expectShape('linear', 'b', b, [K]);
    const flops = 2 * N * C * K;
    return {
      outputs: { y: { shape: [N, K] } },
      constants: { C, K },
      forward: { entryPoint: 'forward', bindings: ['x', 'w', 'b', 'y'], invocations: [K, N], flops },
      backward: { x: { entryPoint: 'backward_x', bindings: ['w', 'dy', 'dx'], invocations: [C, N], flops } },
    };
  },
};
