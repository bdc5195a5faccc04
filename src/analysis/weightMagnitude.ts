// Do channels that skip have small weights? Spearman's rank correlation of the mix ratio with the magnitude of the
// block's second batch norm, |gamma|, and of its second convolution, the mean of |w| over a channel's filter
// (section 3.1, Fig. 3). Weights as trained, not folded.

import type { BlockMeasurements } from './measurements.ts';
import { clamped, type MixRatio } from './mixRatio.ts';
import type { Reading } from './readings.ts';
import { type Correlation, spearman } from './stats.ts';

export interface WeightCorrelations {
  batchNorm: Correlation;
  convolution: Correlation;
}

export function weightCorrelations(
  { weightMagnitude }: Pick<BlockMeasurements, 'weightMagnitude'>,
  ratios: readonly MixRatio[],
  reading: Reading,
): WeightCorrelations {
  const mix = clamped(ratios, reading);
  return {
    batchNorm: spearman(mix, weightMagnitude.batchNorm),
    convolution: spearman(mix, weightMagnitude.convolution),
  };
}
