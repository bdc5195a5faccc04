// Weights before the first step, as torchvision's ResNets have them: filters normal with He's deviation by what goes out,
// sqrt(2 / (K R S)) (He et al. 2015), batch norms the identity, the classifier with PyTorch's variance, 1 / (3 C).
// Every tensor has a stream of random numbers of its own, from its name.

import { normals, PURPOSE, streamOf } from '../engine/random.ts';
import { elements, type Shape } from '../kernels/op.ts';
import type { Weights } from '../model/weights.ts';

/** Running statistics follow the batches; everything else has a gradient. */
export const isTrained = (name: string): boolean => !/\.running_(mean|var)$/.test(name);

/** For tensors of these shapes, by torchvision's names. */
export function initialWeights(tensors: ReadonlyMap<string, Shape>, seed: number): Weights {
  return new Map(
    [...tensors].map(([name, shape]) => [name, { shape: [...shape], data: initial(name, shape, seed) }]),
  );
}

function initial(name: string, shape: Shape, seed: number): Float32Array {
  const count = elements(shape);
  if (shape.length === 1) return new Float32Array(count).fill(/\.(weight|running_var)$/.test(name) ? 1 : 0);
  const source = { seed, stream: streamOf(name), purpose: PURPOSE.weights };
  const deviation = shape.length === 4 ? Math.sqrt((2 * shape[1]) / count) : Math.sqrt(1 / (3 * shape[1]));
  return normals(source, count, deviation);
}
