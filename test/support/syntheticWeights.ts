// A complete network with random weights (He initialisation, batch norms near 1) for tests without a weights file.

import { normals, PURPOSE, streamOf } from '../../src/engine/random.ts';
import { makeNetwork, type Network } from '../../src/model/network.ts';
import { requiredTensors } from '../../src/model/parameters.ts';
import type { WeightTensor } from '../../src/model/weights.ts';

export interface SyntheticModel {
  network: Network;
  weights: Map<string, WeightTensor>;
}

export function syntheticModel({ width = 8, classes = 10, name = 'resnet18' } = {}): SyntheticModel {
  const network = makeNetwork(name, width, classes);
  const weights = new Map<string, WeightTensor>();
  for (const [tensor, shape] of requiredTensors(network, 'logits')) {
    const count = shape.reduce((a, b) => a * b, 1);
    const noise = normals({ seed: 7, stream: streamOf(tensor), purpose: PURPOSE.test }, count);
    const fanIn = count / shape[0];
    const data = noise.map((value) => {
      if (tensor.endsWith('running_var')) return 1 + 0.2 * Math.abs(value);
      if (shape.length === 1) return tensor.endsWith('.weight') ? 1 + 0.1 * value : 0.1 * value;
      return value * Math.sqrt(2 / fanIn);
    });
    weights.set(tensor, { shape: [...shape], data });
  }
  return { network, weights };
}
