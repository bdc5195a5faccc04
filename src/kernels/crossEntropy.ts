// The loss of a classifier: softmax cross-entropy per sample. Its mean over a batch is the gradient with dy = 1 / N.

import source from './crossEntropy.wgsl';
import { expectShape, type Op } from './op.ts';

/** y [N] = log sum_k exp x[n,k] - x[n, labels[n]] of logits x [N,K] and labels u32 [N], which must be below K. */
export const crossEntropy: Op = {
  name: 'crossEntropy',
  source,
  recipe({ x, labels }) {
    expectShape('crossEntropy', 'x', x, [-1, -1]);
    const [N, K] = x;
    expectShape('crossEntropy', 'labels', labels, [N]);
    return {
      outputs: { y: { shape: [N] }, logSum: { shape: [N] } },
      constants: { N, K },
      forward: {
        entryPoint: 'forward',
        bindings: ['x', 'labels', 'y', 'logSum'],
        invocations: [N, 1],
        flops: 4 * N * K,
      },
      backward: {
        x: {
          entryPoint: 'backward_x',
          bindings: ['x', 'labels', 'logSum', 'dy', 'dx'],
          invocations: [K, N],
          flops: 4 * N * K,
        },
      },
    };
  },
};
