// Figure 2 of arXiv 2504.16290: does replacing the scale-invariant channels hurt more than replacing as many others?
//
//   ratio(scale, trial) = accuracy without the scale-invariant channels / accuracy without that trial's random ones
//
// Shown: its mean over trials with the standard error (n - 1), per scale. A trial whose accuracy is 0 has no ratio.

import { type Summary, summarize } from './stats.ts';

export interface AblationMeasurements {
  block: string;
  /** 'zero' or 'mean': what the channels are replaced by */
  replacement: string;
  channels: readonly number[];
  /** 1 first: the unscaled accuracy */
  scales: readonly number[];
  /** shares of correct answers, 0 to 1, by scale: nothing replaced, and the channels replaced */
  intact?: readonly number[];
  ablated: readonly number[];
  /** accepted random controls */
  trials: readonly { channels: readonly number[]; accuracy: readonly number[] }[];
}

export interface AblationSummary {
  block: string;
  replacement: string;
  ratios: (Summary & { scale: number; ablated: number })[];
}

export function summarizeAblation(ablation: AblationMeasurements): AblationSummary {
  const { block, replacement, scales, ablated, trials } = ablation;
  const ratios = scales.map((scale, i) => {
    const values = trials.map(({ accuracy }) => (accuracy[i] > 0 ? ablated[i] / accuracy[i] : Number.NaN));
    return { scale, ablated: ablated[i], ...summarize(values) };
  });
  return { block, replacement, ratios };
}
