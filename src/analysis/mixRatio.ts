// The mix ratio: does a channel's output come from what bypasses the block, from the block, or from both?
//
//   M = O(X_I) / O(X_B)                                          eq. 1; 0: the block overwrites, large: the input skips
//
// O is the sum before its ReLU, so either response can be negative. The study's O is after it, hence M = 0 where
// O(X_I) <= 0, and "skip" (the clamp) where O(X_B) <= 0. Rules 'text' also calls a channel skip when B(X_B) <= 0, as
// section 2.3 says; rules 'code' asks O alone and uses 10. Where both are silent there is no ratio.
// Responses to several images are averaged before the ratio is taken.

import type { Role, StimulusMeasurements } from './measurements.ts';
import type { Reading } from './readings.ts';
import { summarize } from './stats.ts';

/** Why a ratio is what it is; the last two have none. */
export type MixCase = 'ratio' | 'overwrite' | 'skip' | 'silent' | 'missing';

export interface MixRatio {
  /** not clamped; null: silent (neither image excites the output) or missing (an image does not exist) */
  value: number | null;
  case: MixCase;
}

/** What the code writes where O(X_B) <= 0, before it clamps. */
const CODE_SKIP = 10;
/** Width of the histogram's bins; the clamp is a multiple of it. */
export const BIN = 0.25;

/** The mean response of each channel to its images, NaN where there is none. Absent table: undefined. */
export function meanResponses(
  stimulus: StimulusMeasurements,
  tap: Role,
  image: Role,
): Float64Array | undefined {
  const responses = stimulus.responses[tap][image];
  return responses && meanPerChannel(responses, stimulus.imagesPerChannel);
}

/** [channels, images] to [channels]; `of` is applied to each value first. Missing images are left out. */
export function meanPerChannel(
  values: Float64Array,
  images: number,
  of: (value: number) => number = (value) => value,
): Float64Array {
  return Float64Array.from(
    { length: values.length / images },
    (_, c) => summarize(values.subarray(c * images, (c + 1) * images).map(of)).mean ?? Number.NaN,
  );
}

/** M of every channel, or undefined when the responses it needs were not measured. */
export function mixRatios(stimulus: StimulusMeasurements, reading: Reading): MixRatio[] | undefined {
  const onInput = meanResponses(stimulus, 'O', 'I');
  const onBlock = meanResponses(stimulus, 'O', 'B');
  const block = meanResponses(stimulus, 'B', 'B');
  if (!onInput || !onBlock || !block) return undefined;
  return Array.from(onInput, (value, c) => mixRatio(value, onBlock[c], block[c], reading));
}

/** One channel: O(X_I), O(X_B), B(X_B). */
export function mixRatio(onInput: number, onBlock: number, block: number, reading: Reading): MixRatio {
  if (![onInput, onBlock, block].every(Number.isFinite)) return { value: null, case: 'missing' };
  const code = reading.rules === 'code';
  // the code stops when both are negative, and accepts an exact 0
  const silent = code ? onInput < 0 && onBlock < 0 : onInput <= 0 && onBlock <= 0;
  if (silent) return { value: null, case: 'silent' };
  if (onBlock <= 0 || (!code && block <= 0)) return { value: code ? CODE_SKIP : reading.clamp, case: 'skip' };
  return onInput <= 0 ? { value: 0, case: 'overwrite' } : { value: onInput / onBlock, case: 'ratio' };
}

/** The ratios as they are drawn and correlated: clamped, NaN where there is none. */
export const clamped = (ratios: readonly MixRatio[], { clamp }: Reading): Float64Array =>
  Float64Array.from(ratios, ({ value }) => (value === null ? Number.NaN : Math.min(value, clamp)));

/** Counts in bins of 0.25 from 0 to the clamp, the last one closed, as numpy.histogram counts. NaN is in none. */
export function histogram(values: ArrayLike<number>, clamp: number): number[] {
  const bins = Math.round(clamp / BIN);
  const counts = new Array<number>(bins).fill(0);
  for (const value of Array.from(values))
    if (value >= 0 && value <= clamp) counts[Math.min(Math.floor(value / BIN), bins - 1)]++;
  return counts;
}

/** The `count` channels whose ratio is closest to 1, the closest first. */
export const topMixes = (ratios: readonly MixRatio[], count = 3): number[] =>
  ratios
    .flatMap(({ value }, channel) => (value === null ? [] : [{ channel, distance: Math.abs(value - 1) }]))
    .sort((a, b) => a.distance - b.distance || a.channel - b.channel)
    .slice(0, count)
    .map(({ channel }) => channel);

/** The study's names for the two ends: 'text' leaves M = 1 out, 'code' counts it as skip. */
export function groupOf({ value }: MixRatio, { rules }: Reading): 'overwrite' | 'skip' | undefined {
  if (value === null) return undefined;
  if (value < 1) return 'overwrite';
  return value > 1 || rules === 'code' ? 'skip' : undefined;
}
