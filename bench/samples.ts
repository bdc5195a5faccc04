// Repeated measurements and what is reported of them. Machines are noisy: the median says what is usual, the quartiles
// how far to believe it, the minimum what the machine can do when nobody else is on it.

export interface Summary {
  median: number;
  min: number;
  /** first and third quartile */
  low: number;
  high: number;
  samples: number;
}

/** The value below which this fraction of the sorted samples lies, interpolated. */
function quantile(sorted: readonly number[], fraction: number): number {
  const at = fraction * (sorted.length - 1);
  const below = Math.floor(at);
  const next = sorted[Math.min(below + 1, sorted.length - 1)];
  return sorted[below] + (at - below) * (next - sorted[below]);
}

export const median = (values: readonly number[]): number => quantile(sorted(values), 0.5);

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

export function summarize(values: readonly number[]): Summary {
  const all = sorted(values);
  return {
    median: quantile(all, 0.5),
    min: all[0],
    low: quantile(all, 0.25),
    high: quantile(all, 0.75),
    samples: all.length,
  };
}

/** Four digits are more than any of these numbers deserve. */
export const round = (value: number): number => Number(value.toPrecision(4));

/** The same document with its numbers rounded; whole numbers stay. */
export const rounded = <T>(value: T): T =>
  JSON.parse(
    JSON.stringify(value, (_, v) => (typeof v === 'number' && !Number.isInteger(v) ? round(v) : v)),
  ) as T;

/** Another side's times beside ours, taken in turns. */
export interface Comparison {
  ms: Summary;
  /** their time over ours: above 1 we are faster */
  ratio: number;
  /** the same by round, and of the fastest samples, which other programs disturb least */
  ratios: number[];
  ratioOfFastest: number;
}

/** Samples by round, of both sides. */
export function compare(ours: readonly number[][], theirs: readonly number[][]): Comparison {
  return {
    ms: summarize(theirs.flat()),
    ratio: median(theirs.flat()) / median(ours.flat()),
    ratios: theirs.map((samples, round) => median(samples) / median(ours[round])),
    ratioOfFastest: Math.min(...theirs.flat()) / Math.min(...ours.flat()),
  };
}
