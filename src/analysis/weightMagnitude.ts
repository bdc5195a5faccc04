// Do channels that skip have small weights? Spearman's rank correlation of the mix ratio with the magnitude of the
// block's second batch norm, |gamma|, and of its second convolution, the mean of |w| over a channel's filter
// (section 3.1, Fig. 3).
//
// Weights as trained. Some files hold batch norms folded into their convolutions: then gamma is the same everywhere,
// the filters are those of no trained layer, and there is nothing to correlate.

import type { BlockMeasurements } from './measurements.ts';
import { clamped, type MixRatio } from './mixRatio.ts';
import type { Reading } from './readings.ts';
import { type Correlation, spearman } from './stats.ts';

export interface WeightCorrelations {
  batchNorm: Correlation;
  convolution: Correlation;
  /** every batch norm weight is the same: the file has it folded into the convolution, and neither says anything */
  folded: boolean;
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
    folded: isFolded(weightMagnitude.batchNorm),
  };
}

const isFolded = (batchNorm: Float64Array): boolean =>
  batchNorm.length > 1 && batchNorm.every((weight) => weight === batchNorm[0]);
