// How much of an answer is the seed's? A visualisation starts from noise, and another start ends in another image.
// Per channel: the spread of mix ratio and scale metric and the share of seeds that pass. Per block: the spread of
// every percentage and correlation. Deviations have n - 1 in the denominator; null where there is one seed.

import type { Invariance } from './measurements.ts';
import type { SeedMetrics } from './metrics.ts';
import { clamped } from './mixRatio.ts';
import type { Reading } from './readings.ts';
import type { ChannelInvariance, InvarianceResult } from './scaleInvariance.ts';
import { type Summary, summarize } from './stats.ts';

export interface Rates {
  /** share of all seeds, 0 to 1; a seed without an image does not pass */
  mix: number;
  block: number;
  input: number;
  passes: number;
  passesWithoutMix: number;
}

export interface InvarianceSpread {
  channels: { metric: Summary; rates: Rates }[];
  percent: Summary;
  percentWithoutMix: Summary;
  /** channels that pass with every seed, and with any, in channel order */
  always: number[];
  ever: number[];
}

export interface SeedSpread {
  seeds: number;
  /** clamped mix ratio per channel */
  mix: Summary[];
  invariance: Partial<Record<Invariance, InvarianceSpread>>;
  /** Spearman's rho of mix ratio and weight magnitude */
  weights: { batchNorm: Summary; convolution: Summary };
  /** difference of group means, skip minus overwrite, of B(X_I) and of the correlation over photographs */
  inhibition: Summary;
  curves: Summary;
}

const orNaN = (value: number | null | undefined): number => value ?? Number.NaN;

export function spreadOverSeeds(seeds: readonly SeedMetrics[], reading: Reading): SeedSpread {
  const ratios = seeds.map(({ mix }) => clamped(mix, reading));
  const over = (value: (seed: SeedMetrics) => number | null | undefined) =>
    summarize(seeds.map((seed) => orNaN(value(seed))));
  const difference = (comparison: SeedMetrics['curves']) =>
    orNaN(comparison?.skip.mean) - orNaN(comparison?.overwrite.mean);
  const kinds = Object.keys(seeds[0].invariance) as Invariance[];
  const shared = kinds.filter((kind) => seeds.every(({ invariance }) => invariance[kind]));
  return {
    seeds: seeds.length,
    mix: Array.from(ratios[0], (_, c) => summarize(ratios.map((ratio) => ratio[c]))),
    invariance: Object.fromEntries(
      shared.map((kind) => [kind, invarianceSpread(seeds.map(({ invariance }) => invariance[kind]!))]),
    ),
    weights: {
      batchNorm: over(({ weights }) => weights.batchNorm.rho),
      convolution: over(({ weights }) => weights.convolution.rho),
    },
    inhibition: over(({ inhibition }) => difference(inhibition.comparison)),
    curves: over(({ curves }) => difference(curves)),
  };
}

function invarianceSpread(results: readonly InvarianceResult[]): InvarianceSpread {
  const share = (c: number, criterion: keyof Rates & keyof ChannelInvariance) =>
    results.filter(({ channels }) => channels[c][criterion]).length / results.length;
  const channels = results[0].channels.map((_, c) => ({
    metric: summarize(results.map((result) => orNaN(result.channels[c].metric))),
    rates: {
      mix: share(c, 'mix'),
      block: share(c, 'block'),
      input: share(c, 'input'),
      passes: share(c, 'passes'),
      passesWithoutMix: share(c, 'passesWithoutMix'),
    },
  }));
  const where = (holds: (rate: number) => boolean) =>
    [...channels.keys()].filter((c) => holds(channels[c].rates.passes));
  return {
    channels,
    percent: summarize(results.map(({ percent }) => percent)),
    percentWithoutMix: summarize(results.map(({ percentWithoutMix }) => percentWithoutMix)),
    always: where((rate) => rate === 1),
    ever: where((rate) => rate > 0),
  };
}
