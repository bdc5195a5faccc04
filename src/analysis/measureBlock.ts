// All measurements of a block, put together: what its taps answer to the images of every seed and to photographs, and
// the magnitudes of its weights as trained. From here on no metric needs the GPU.

import { StreamscopeError } from '../error.ts';
import type { Block } from '../model/network.ts';
import { TUNING_SCALES } from '../model/tensorTransforms.ts';
import type { Weights } from '../model/weights.ts';
import type { MeasureContext } from '../visualization/measure.ts';
import type { BlockMeasurements, SeedMeasurements } from './measurements.ts';
import { type CollectedBlock, measureNatural } from './natural.ts';
import { measureSeed, type ResponseOptions, type Stimuli } from './responses.ts';

export interface BlockSources {
  /** rows and columns of the visualisations */
  size: number;
  seeds: readonly { seed: number; images: Stimuli['images'] }[];
  /** photographs; absent: none were collected */
  collected?: CollectedBlock;
}

/** Throws what the measurements throw; badInput when the weights lack the block. */
export async function measureBlock(
  context: MeasureContext,
  weights: Weights,
  block: Block,
  { size, seeds, collected }: BlockSources,
  options: ResponseOptions = {},
): Promise<BlockMeasurements> {
  const measured: SeedMeasurements[] = [];
  for (const { seed, images } of seeds)
    measured.push(await measureSeed(context, block, seed, { size, images }, options));
  const natural = collected && (await measureNatural(context, block, collected, options));
  return {
    block: block.name,
    channels: block.channels,
    weightMagnitude: weightMagnitude(weights, block),
    tuningScales: TUNING_SCALES,
    seeds: measured,
    ...(natural && { natural }),
  };
}

/** Mean absolute values per channel: |gamma| of the second batch norm, mean |w| over a filter of the second convolution. */
export function weightMagnitude(
  weights: Weights,
  { name, module, channels }: Block,
): BlockMeasurements['weightMagnitude'] {
  const magnitudes = (tensor: string): Float64Array => {
    const found = weights.get(tensor);
    if (!found) throw new StreamscopeError('badInput', `Block ${name}: the weights have no ${tensor}.`);
    const each = found.data.length / channels;
    return Float64Array.from({ length: channels }, (_, c) => {
      let sum = 0;
      for (let i = c * each; i < (c + 1) * each; i++) sum += Math.abs(found.data[i]);
      return sum / each;
    });
  };
  return {
    batchNorm: magnitudes(`${module}.bn2.weight`),
    convolution: magnitudes(`${module}.conv2.weight`),
  };
}
