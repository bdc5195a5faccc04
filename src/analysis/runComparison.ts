// Two runs of the same blocks beside each other, such as the study's jitter and one about the unit: what changes, and
// what another seed would have changed as well. Both are read by their first seed; `spread` is the first run's own
// disagreement between its seeds, the yardstick for the differences.

import type { BlockMetrics } from './metrics.ts';
import { clamped } from './mixRatio.ts';
import { type Correlation, spearman } from './stats.ts';

export interface BlockDifference {
  block: string;
  /** rank correlation of the clamped mix ratios of the two runs, over channels */
  mix: Correlation;
  /** median of |M - M'|, clamped; null: no channel has both. `spread`: between the first run's seeds 0 and 1 */
  medianDifference: { runs: number | null; spread: number | null };
  /** scale-invariant channels: of both, of one run only, by the first seeds */
  both: number[];
  onlyHere: number[];
  onlyThere: number[];
  /** of the channels that pass with seed 0, how many also pass with seed 1; null: one seed */
  spread: { passing: number; shared: number } | null;
}

/** Blocks that both runs have. */
export function compareRuns(
  here: readonly BlockMetrics[],
  there: readonly BlockMetrics[],
): BlockDifference[] {
  return here.flatMap((block) => {
    const other = there.find((candidate) => candidate.block === block.block);
    return other && other.channels === block.channels ? [differenceOf(block, other)] : [];
  });
}

function differenceOf(here: BlockMetrics, there: BlockMetrics): BlockDifference {
  const [first, second] = here.seeds;
  const mine = clamped(first.mix, here.reading);
  const theirs = clamped(there.seeds[0].mix, there.reading);
  const passing = passingOf(here, 0);
  const others = passingOf(there, 0);
  const again = second ? passingOf(here, 1) : undefined;
  return {
    block: here.block,
    mix: spearman(mine, theirs),
    medianDifference: {
      runs: medianDistance(mine, theirs),
      spread: second ? medianDistance(mine, clamped(second.mix, here.reading)) : null,
    },
    both: passing.filter((channel) => others.includes(channel)),
    onlyHere: passing.filter((channel) => !others.includes(channel)),
    onlyThere: others.filter((channel) => !passing.includes(channel)),
    spread: again
      ? { passing: passing.length, shared: passing.filter((channel) => again.includes(channel)).length }
      : null,
  };
}

const passingOf = ({ seeds }: BlockMetrics, index: number): number[] =>
  seeds[index]?.invariance.scale?.passing ?? [];

function medianDistance(a: Float64Array, b: Float64Array): number | null {
  const distances = a
    .map((value, i) => Math.abs(value - b[i]))
    .filter(Number.isFinite)
    .sort();
  const middle = distances.length / 2;
  if (middle === 0) return null;
  return (distances[Math.ceil(middle) - 1] + distances[Math.floor(middle)]) / 2;
}
