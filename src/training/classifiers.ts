// What can be trained: a residual network, or, to know what that is worth, the linear classifier of an image's pixels.

import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import { linear } from '../kernels/linear.ts';
import { elements, type Shape } from '../kernels/op.ts';
import type { Network } from '../model/network.ts';
import { type Parameters, requiredTensors } from '../model/parameters.ts';
import { layoutOf } from '../model/receptiveField.ts';
import { recordResnet } from '../model/resnet.ts';
import { recordClassifier } from './recordClassifier.ts';

export interface Classifier {
  /** by name: what it learns, and running statistics */
  tensors: ReadonlyMap<string, Shape>;
  /** of one image as it takes them */
  input: Shape;
  /** logits [N,classes] of x [N,...input] while it learns; see recordClassifier */
  learn(tape: Tape, tensors: ReadonlyMap<string, Tensor>, x: Tensor, lanes: number | undefined): Tensor;
  /** logits [N,classes] of x [N,...input] with what it has learned */
  classify(tape: Tape, parameters: Parameters, x: Tensor): Tensor;
}

/** For normalised images of `size` rows. */
export const residualNetwork = (network: Network, size: number): Classifier => ({
  tensors: requiredTensors(network, 'logits'),
  input: [3, size, size],
  learn: (tape, tensors, x, lanes) => recordClassifier(tape, network, tensors, x, lanes),
  classify(tape, parameters, x) {
    const layout = layoutOf(network, size, [
      { place: `${network.blocks.at(-1)!.name}.O`, region: 'all' },
      { place: 'input', region: 'all' },
    ]);
    return recordResnet(tape, layout, parameters, x, { head: true }).get('logits')!;
  },
});

/** A weight for every pixel, channel and class. */
export function linearClassifier(classes: number, size: number): Classifier {
  const input = elements([3, size, size]);
  return {
    tensors: new Map<string, Shape>([
      ['fc.weight', [classes, input]],
      ['fc.bias', [classes]],
    ]),
    input: [input],
    learn: (tape, tensors, x) =>
      tape.apply(linear, { x, w: tensors.get('fc.weight')!, b: tensors.get('fc.bias')! }),
    classify: (tape, parameters, x) =>
      tape.apply(linear, { x, w: parameters.get('fc.weight'), b: parameters.get('fc.bias') }),
  };
}
