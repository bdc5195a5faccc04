// The layers whose weights learn, recorded in one of two ways that give the same numbers: plain ops on planar tensors, or
// SIMD kernels on packed ones (pack.ts), as model/layers.ts does where weights are fixed.

import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { batchNormTraining, packedBatchNormTraining } from '../kernels/batchNormTraining.ts';
import { conv2d } from '../kernels/conv2d.ts';
import { maxPool, packedMaxPool } from '../kernels/maxPool.ts';
import { pack, unpack } from '../kernels/pack.ts';
import { relu } from '../kernels/relu.ts';
import { convTable, trainedConv } from '../kernels/trainedConv.ts';
import { BATCH_NORM } from '../model/parameters.ts';

const POOLING = { size: 3, stride: 2, pad: [1, 1, 1, 1] } as const;

/** A normalised tensor, and what it was normalised with: mean and variance [C] of `count` numbers per channel. */
interface Normalised {
  y: Tensor;
  mean: Tensor;
  variance: Tensor;
  count: number;
}

export interface TrainedLayers {
  /** from a planar tensor to what the others take and return, and back */
  enter(x: Tensor): Tensor;
  leave(x: Tensor, channels: number): Tensor;
  /** with a square filter, padded so that stride alone decides the size */
  convolve(x: Tensor, w: Tensor, stride: number): Tensor;
  /** batch norm with the statistics of the batch */
  normalise(x: Tensor, gamma: Tensor, beta: Tensor): Normalised;
  /** max(maxPool(x), 0), 3 x 3 with stride 2 */
  pool(x: Tensor): Tensor;
}

/** SIMD kernels on subgroups of `lanes`, or the plain ones. */
export const trainedLayers = (tape: Tape, lanes: number | undefined): TrainedLayers =>
  lanes ? simdLayers(tape, lanes) : plainLayers(tape);

/** Half the filter on every side. */
const padOf = (w: Tensor) => {
  const side = (w.shape[2] - 1) / 2;
  return [side, side, side, side] as const;
};

/** What a batch norm was recorded with: `side` floats per pixel and plane. */
function normalised(tape: Tape, y: Tensor, side: number): Normalised {
  const { mean, variance } = tape.dispatches.at(-1)!.operands;
  const [N, , H, floats] = y.shape;
  return { y, mean, variance, count: (N * H * floats) / side };
}

function plainLayers(tape: Tape): TrainedLayers {
  return {
    enter: (x) => x,
    leave: (x) => x,
    convolve: (x, w, stride) => tape.apply(conv2d, { x, w }, { stride, pad: padOf(w) }),
    normalise: (x, gamma, beta) =>
      normalised(tape, tape.apply(batchNormTraining, { x, gamma, beta }, BATCH_NORM), 1),
    pool: (x) => tape.apply(relu, { x: tape.apply(maxPool, { x }, POOLING) }),
  };
}

function simdLayers(tape: Tape, lanes: number): TrainedLayers {
  return {
    enter: (x) => tape.apply(pack, { x }),
    leave: (x, channels) => tape.apply(unpack, { x }, { channels }),
    convolve(x, w, stride) {
      const table = tape.apply(convTable, { w }, { stride, direction: 'straight' });
      const turned = tape.apply(convTable, { w }, { stride, direction: 'turned' });
      return tape.apply(trainedConv, { x, w, table, turned }, { stride, pad: padOf(w), lanes });
    },
    normalise: (x, gamma, beta) =>
      normalised(tape, tape.apply(packedBatchNormTraining, { x, gamma, beta }, BATCH_NORM), 4),
    pool: (x) => tape.apply(packedMaxPool, { x }, POOLING),
  };
}
