// The whole network on a tape for training: whole frames, ReLUs where torchvision has them, batch norms with the
// statistics of the batch, which the running ones follow.
//
//   y = relu(bn2(conv2 relu(bn1(conv1 x))) + bypass)          bypass = x, or bn(conv1x1 x)

import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { StreamscopeError } from '../error.ts';
import { add } from '../kernels/add.ts';
import { globalAveragePool } from '../kernels/globalAveragePool.ts';
import { linear } from '../kernels/linear.ts';
import { relu } from '../kernels/relu.ts';
import { runningStatistics } from '../kernels/update.ts';
import type { Network } from '../model/network.ts';
import { trainedLayers } from './trainedLayers.ts';

/** The share of a batch in running statistics: PyTorch's. */
const SHARE = 0.1;

/**
 * Records the logits [N,classes] of normalised images x [N,3,rows,rows]; `tensors` by torchvision's names. With `lanes`
 * the SIMD kernels run, on subgroups of so many invocations.
 */
export function recordClassifier(
  tape: Tape,
  network: Network,
  tensors: ReadonlyMap<string, Tensor>,
  x: Tensor,
  lanes?: number,
): Tensor {
  const get = (name: string): Tensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new StreamscopeError('bug', `recordClassifier: ${name} is missing.`);
    return tensor;
  };
  const layers = trainedLayers(tape, lanes);
  const convolve = (x: Tensor, conv: string, bn: string, stride: number): Tensor => {
    const z = layers.convolve(x, get(`${conv}.weight`), stride);
    const [gamma, beta] = [get(`${bn}.weight`), get(`${bn}.bias`)];
    const { y, mean, variance, count } = layers.normalise(z, gamma, beta);
    const running = { runningMean: get(`${bn}.running_mean`), runningVariance: get(`${bn}.running_var`) };
    tape.update(runningStatistics(gamma.size, count, SHARE), { mean, variance, ...running });
    return y;
  };
  const rectify = (x: Tensor): Tensor => tape.apply(relu, { x });

  let stream = layers.pool(convolve(layers.enter(x), 'conv1', 'bn1', 2));
  for (const { module, stride, downsample } of network.blocks) {
    const inner = rectify(convolve(stream, `${module}.conv1`, `${module}.bn1`, stride));
    const b = convolve(inner, `${module}.conv2`, `${module}.bn2`, 1);
    const a = downsample
      ? convolve(stream, `${module}.downsample.0`, `${module}.downsample.1`, stride)
      : stream;
    stream = rectify(tape.apply(add, { a, b }, { offset: [0, 0] }));
  }
  const last = layers.leave(stream, network.blocks.at(-1)!.channels);
  const pooled = tape.apply(globalAveragePool, { x: last });
  return tape.apply(linear, { x: pooled, w: get('fc.weight'), b: get('fc.bias') });
}
