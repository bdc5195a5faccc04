// Batch norm with the statistics of the batch (training). They are outputs beside y: running statistics follow them
// (update.ts), and the gradients read them. The gradients of x, gamma and beta need the same two sums per channel; each
// makes them for itself, because the tape records gradients one by one.

import type { BatchNormSettings } from './batchNorm.ts';
import source from './batchNormTraining.wgsl';
import {
  elements,
  expectShape,
  type Op,
  type Pass,
  perElement,
  type Recipe,
  type Shape,
  WORKGROUP_SIZE,
} from './op.ts';
import { texels } from './pack.ts';

/** dx, dgamma and dbeta of C channels, each after the sums of dy and dy z. */
function backward(x: Shape, C: number): Record<string, Pass> {
  const size = elements(x);
  const afterSums = (next: Pass): Pass => ({
    entryPoint: 'sum_dy',
    bindings: ['x', 'mean', 'variance', 'dy', 'sums'],
    scratch: { sums: [C, 2] },
    invocations: [WORKGROUP_SIZE, C],
    flops: 5 * size,
    next,
  });
  const pick = (name: string): Pass => ({
    entryPoint: `backward_${name}`,
    bindings: ['sums', `d${name}`],
    invocations: [C, 1],
    flops: C,
  });
  return {
    x: afterSums({
      entryPoint: 'backward_x',
      bindings: ['x', 'gamma', 'mean', 'variance', 'dy', 'sums', 'dx'],
      invocations: perElement(x),
      flops: 7 * size,
    }),
    gamma: afterSums(pick('gamma')),
    beta: afterSums(pick('beta')),
  };
}

const recipeOf = (
  op: string,
  { x, gamma, beta }: Record<string, Shape>,
  C: number,
  side: 1 | 4,
  { eps }: BatchNormSettings,
): Recipe => {
  expectShape(op, 'gamma', gamma, [C]);
  expectShape(op, 'beta', beta, [C]);
  const [N, , H, floats] = x;
  const pixels = (H * floats) / side;
  return {
    outputs: { y: { shape: x }, mean: { shape: [C] }, variance: { shape: [C] } },
    constants: { C, PIXELS: pixels, SIDE: side, COUNT: N * pixels, EPS: eps },
    forward: {
      entryPoint: 'statistics',
      bindings: ['x', 'mean', 'variance'],
      invocations: [WORKGROUP_SIZE, C],
      flops: 4 * elements(x),
      next: {
        entryPoint: 'forward',
        bindings: ['x', 'gamma', 'beta', 'mean', 'variance', 'y'],
        invocations: perElement(x),
        flops: 4 * elements(x),
      },
    },
    backward: backward(x, C),
  };
};

/**
 * y = gamma (x - mean) / sqrt(variance + eps) + beta with mean and variance [C] of x [N,C,H,W] over samples and pixels;
 * gamma and beta are [C]. The variance divides by N H W, as PyTorch's does inside the layer.
 */
export const batchNormTraining: Op<BatchNormSettings> = {
  name: 'batchNormTraining',
  source,
  recipe(shapes, settings) {
    expectShape('batchNormTraining', 'x', shapes.x, [-1, -1, -1, -1]);
    return recipeOf('batchNormTraining', shapes, shapes.x[1], 1, settings);
  },
};

/** The same for x and y packed [N,C,H,W]; padding channels of y are 0. */
export const packedBatchNormTraining: Op<BatchNormSettings> = {
  name: 'packedBatchNormTraining',
  source,
  recipe(shapes, settings) {
    const [C] = shapes.gamma;
    expectShape('packedBatchNormTraining', 'x', shapes.x, [-1, texels(C), -1, -1]);
    return recipeOf('packedBatchNormTraining', shapes, C, 4, settings);
  },
};
