// Does the block inhibit what its input likes, in channels that it overwrites? (section 3.1, Fig. 4)
//
//   top row:    B(X_I), the block's answer to the image of its input
//   bottom row: Spearman's rho of B with I over the photographs that excite I (I > 0)
//
// Each compared between overwrite (M < 1) and skip (M > 1) channels by a one-way analysis of variance. A channel that
// no photograph excites has no correlation: it is listed, and in no mean.

import type { NaturalMeasurements } from './measurements.ts';
import { groupOf, type MixRatio } from './mixRatio.ts';
import type { Reading } from './readings.ts';
import { anova, type Correlation, type Summary, spearman } from './stats.ts';

export interface GroupComparison {
  overwrite: Summary;
  skip: Summary;
  /** null: a group is empty or nothing varies; Infinity is written as the text "Infinity" in JSON */
  F: number | null;
  p: number | null;
  /** channels in neither group: no mix ratio, M = 1, or no value */
  leftOut: number[];
}

/** Values of overwrite against values of skip channels. */
export function compareGroups(
  values: ArrayLike<number>,
  ratios: readonly MixRatio[],
  reading: Reading,
): GroupComparison {
  const groups = { overwrite: [] as number[], skip: [] as number[] };
  const leftOut: number[] = [];
  for (const [channel, ratio] of ratios.entries()) {
    const group = groupOf(ratio, reading);
    if (group && Number.isFinite(values[channel])) groups[group].push(values[channel]);
    else leftOut.push(channel);
  }
  const { F, p, groups: summaries } = anova(groups.overwrite, groups.skip);
  return { overwrite: summaries[0], skip: summaries[1], F, p, leftOut };
}

export interface CurveCorrelation extends Correlation {
  channel: number;
}

/** rho of B with I per channel, over the photographs with I > 0; n is how many these are. */
export function curveCorrelations(
  { activations, images }: Pick<NaturalMeasurements, 'activations' | 'images'>,
  channels: number,
): CurveCorrelation[] {
  const column = (data: Float32Array, channel: number) =>
    Float64Array.from({ length: images }, (_, image) => data[image * channels + channel]);
  return Array.from({ length: channels }, (_, channel) => {
    const input = column(activations.I, channel);
    const block = column(activations.B, channel);
    // NaN stays in, to be counted as left out
    const chosen = Array.from(input.keys()).filter((i) => !(input[i] <= 0));
    return {
      channel,
      ...spearman(
        chosen.map((i) => input[i]),
        chosen.map((i) => block[i]),
      ),
    };
  });
}
