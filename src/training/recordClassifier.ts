// The whole network on a tape for training: plain kernels, whole frames, ReLUs where torchvision has them. In training,
// batch norms take the statistics of the batch and running statistics follow; otherwise they take the running ones, and
// the logits are those of model/resnet.ts.
//
//   y = relu(bn2(conv2 relu(bn1(conv1 x))) + bypass)          bypass = x, or bn(conv1x1 x)

import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { StreamscopeError } from '../error.ts';
import { add } from '../kernels/add.ts';
import { batchNorm } from '../kernels/batchNorm.ts';
import { batchNormTraining } from '../kernels/batchNormTraining.ts';
import { conv2d } from '../kernels/conv2d.ts';
import { globalAveragePool } from '../kernels/globalAveragePool.ts';
import { linear } from '../kernels/linear.ts';
import { maxPool } from '../kernels/maxPool.ts';
import { relu } from '../kernels/relu.ts';
import { runningStatistics } from '../kernels/update.ts';
import type { Network } from '../model/network.ts';

/** Added to variances, and the share of a batch in running statistics: PyTorch's. */
const EPS = 1e-5;
const SHARE = 0.1;

/** Which statistics batch norms take. */
export type Statistics = 'batch' | 'running';

/** Records the logits [N,classes] of normalised images x [N,3,rows,rows]; `tensors` by torchvision's names. */
export function recordClassifier(
  tape: Tape,
  network: Network,
  tensors: ReadonlyMap<string, Tensor>,
  x: Tensor,
  statistics: Statistics,
): Tensor {
  const get = (name: string): Tensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new StreamscopeError('bug', `recordClassifier: ${name} is missing.`);
    return tensor;
  };
  const norm = statistics === 'batch' ? trainedNorm : storedNorm;
  /** batch norm of a convolution without bias, padded so that stride alone decides the size */
  const convolve = (x: Tensor, conv: string, bn: string, stride: number): Tensor => {
    const w = get(`${conv}.weight`);
    const side = (w.shape[2] - 1) / 2;
    const y = tape.apply(conv2d, { x, w }, { stride, pad: [side, side, side, side] });
    return norm(tape, y, (field) => get(`${bn}.${field}`));
  };
  const rectify = (x: Tensor): Tensor => tape.apply(relu, { x });

  const stem = rectify(convolve(x, 'conv1', 'bn1', 2));
  let stream = tape.apply(maxPool, { x: stem }, { size: 3, stride: 2, pad: [1, 1, 1, 1] });
  for (const { module, stride, downsample } of network.blocks) {
    const inner = rectify(convolve(stream, `${module}.conv1`, `${module}.bn1`, stride));
    const b = convolve(inner, `${module}.conv2`, `${module}.bn2`, 1);
    const a = downsample
      ? convolve(stream, `${module}.downsample.0`, `${module}.downsample.1`, stride)
      : stream;
    stream = rectify(tape.apply(add, { a, b }, { offset: [0, 0] }));
  }
  const pooled = tape.apply(globalAveragePool, { x: stream });
  return tape.apply(linear, { x: pooled, w: get('fc.weight'), b: get('fc.bias') });
}

type Norm = (tape: Tape, x: Tensor, get: (field: string) => Tensor) => Tensor;

const trainedNorm: Norm = (tape, x, get) => {
  const y = tape.apply(batchNormTraining, { x, gamma: get('weight'), beta: get('bias') }, { eps: EPS });
  const { mean, variance } = tape.dispatches.at(-1)!.operands;
  const [N, C, H, W] = x.shape;
  tape.update(runningStatistics(C, N * H * W, SHARE), {
    mean,
    variance,
    runningMean: get('running_mean'),
    runningVariance: get('running_var'),
  });
  return y;
};

const storedNorm: Norm = (tape, x, get) => {
  const inputs = { x, gamma: get('weight'), beta: get('bias') };
  const stored = { mean: get('running_mean'), variance: get('running_var') };
  return tape.apply(batchNorm, { ...inputs, ...stored }, { eps: EPS });
};
