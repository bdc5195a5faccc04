// A whole ResNet18 with random weights (He initialisation, batch norms near 1): times do not depend on values, and the
// real ones may not be at hand. Uniform numbers from a small generator, because there are eleven million of them.

import { makeNetwork, type Network } from '../src/model/network.ts';
import { requiredTensors } from '../src/model/parameters.ts';
import type { WeightTensor } from '../src/model/weights.ts';
import { randomArray } from '../test/support/arrays.ts';

export function randomNetwork(): { network: Network; weights: Map<string, WeightTensor> } {
  const network = makeNetwork('resnet18');
  const weights = new Map<string, WeightTensor>();
  for (const [name, shape] of requiredTensors(network, 'logits')) {
    const { data } = randomArray(`bench ${name}`, shape);
    const spread = Math.sqrt(2 / (data.length / shape[0]));
    const value = (v: number): number => {
      if (name.endsWith('running_var')) return 1 + 0.1 * v;
      if (shape.length === 1) return name.endsWith('.weight') ? 1 + 0.1 * v : 0.1 * v;
      return spread * v;
    };
    weights.set(name, { shape: [...shape], data: Float32Array.from(data, value) });
  }
  return { network, weights };
}
