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
    const constants = { C, K };
    const summed = { ...constants, N };
    return {
      outputs: { y: { shape: [N, K] } },
      constants,
      forward: { entryPoint: 'forward', bindings: ['x', 'w', 'b', 'y'], invocations: [K, N], flops },
      backward: {
        x: { entryPoint: 'backward_x', bindings: ['w', 'dy', 'dx'], invocations: [C, N], flops },
        w: {
          entryPoint: 'backward_w',
          bindings: ['x', 'dy', 'dw'],
          invocations: [C, K],
          flops,
          constants: summed,
        },
        b: {
          entryPoint: 'backward_b',
          bindings: ['dy', 'db'],
          invocations: [K, 1],
          flops: N * K,
          constants: summed,
        },
      },
    };
  },
};
