// Batch norm with stored statistics (inference): an affine map per channel.

import source from './batchNorm.wgsl';
import { elements, expectShape, type Op, perElement } from './op.ts';

export interface BatchNormSettings {
  /** added to the variance; torchvision's models use 1e-5 */
  eps: number;
}

/** y = gamma (x - mean) / sqrt(variance + eps) + beta. x is [N,C,H,W], the rest [C]. */
export const batchNorm: Op<BatchNormSettings> = {
  name: 'batchNorm',
  source,
  recipe({ x, ...parameters }, { eps }) {
    expectShape('batchNorm', 'x', x, [-1, -1, -1, -1]);
    const [, C, H, W] = x;
    for (const name of ['gamma', 'beta', 'mean', 'variance']) {
      expectShape('batchNorm', name, parameters[name], [C]);
    }
    const invocations = perElement(x);
    return {
      outputs: { y: { shape: x } },
      constants: { C, PIXELS: H * W, EPS: eps },
      forward: {
        entryPoint: 'forward',
        bindings: ['x', 'gamma', 'beta', 'mean', 'variance', 'y'],
        invocations,
        flops: 4 * elements(x),
      },
      backward: {
        x: {
          entryPoint: 'backward_x',
          bindings: ['gamma', 'variance', 'dy', 'dx'],
          invocations,
          flops: 2 * elements(x),
        },
      },
    };
  },
};
