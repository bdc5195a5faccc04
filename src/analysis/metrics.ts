// All metrics of a block from its measurements. The study answers from one visualisation per unit: that is the first
// seed here, and every figure shows it. Beside it stands each seed's own answer and the spread between them.

import { StreamscopeError } from '../error.ts';
import {
  type CurveCorrelation,
  compareGroups,
  curveCorrelations,
  type GroupComparison,
} from './inhibition.ts';
import type {
  BlockMeasurements,
  Invariance,
  Role,
  SeedMeasurements,
  StimulusMeasurements,
} from './measurements.ts';
import {
  clamped,
  histogram,
  type MixCase,
  type MixRatio,
  meanResponses,
  mixRatios,
  topMixes,
} from './mixRatio.ts';
import { type Reading, STUDY } from './readings.ts';
import { type InvarianceResult, invariance, passingBoth } from './scaleInvariance.ts';
import { type SeedSpread, spreadOverSeeds } from './spread.ts';
import { type TuningCurve, tuningCurves } from './tuning.ts';
import { type WeightCorrelations, weightCorrelations } from './weightMagnitude.ts';

const INVARIANCES: readonly Invariance[] = ['scale', 'flip'];

/** What one set of stimuli says. */
export interface StimulusMetrics {
  mix: MixRatio[];
  invariance: Partial<Record<Invariance, InvarianceResult>>;
}

export interface SeedMetrics extends StimulusMetrics {
  seed: number;
  /** counts of clamped ratios in bins of 0.25 */
  histogram: number[];
  topMixes: number[];
  weights: WeightCorrelations;
  /** B(X_I) per channel, null where the image is missing, and its comparison between groups */
  inhibition: { values: (number | null)[]; comparison: GroupComparison };
  /** the correlation over photographs, compared between this seed's groups */
  curves?: GroupComparison;
  tuning?: TuningCurve[];
  /** per invariance: channels that pass with this seed's visualisations and with photographs */
  robust: Partial<Record<Invariance, number[]>>;
}

export interface BlockMetrics {
  block: string;
  channels: number;
  reading: Reading;
  weightMagnitude: { batchNorm: number[]; convolution: number[] };
  tuningScales: number[];
  /** the first is the single-seed answer */
  seeds: [SeedMetrics, ...SeedMetrics[]];
  spread: SeedSpread;
  natural?: StimulusMetrics & { images: number; imagesPerChannel: number; curves: CurveCorrelation[] };
  excluded: Exclusions;
}

/** Channels that some mean or test had to do without, and why. None of these is ever averaged as NaN. */
export interface Exclusions {
  /** per seed: an image is missing (dead or diverged) */
  missing: { seed: number; channels: number[] }[];
  /** per seed: neither image excites the output, so there is no mix ratio */
  silent: { seed: number; channels: number[] }[];
  /** the mean response of I or B to its own images is not positive: it cannot scale a delta of the scale metric */
  unexcited: { stimulus: string; tap: Role; channels: number[] }[];
  /** no photograph excites I, or so few or equal ones that there is no correlation */
  withoutCurve: { channel: number; photographs: number }[];
}

/** Throws badInput when a seed lacks the responses that the mix ratio is made of. */
export function blockMetrics(block: BlockMeasurements, reading: Reading = STUDY): BlockMetrics {
  const { weightMagnitude, natural } = block;
  const photographs = natural && {
    ...stimulusMetrics(`block ${block.block}, photographs`, natural, reading),
    images: natural.images,
    imagesPerChannel: natural.imagesPerChannel,
    curves: curveCorrelations(natural, block.channels),
  };
  const seeds = block.seeds.map((seed) => seedMetrics(block, seed, reading, photographs));
  return {
    block: block.block,
    channels: block.channels,
    reading,
    weightMagnitude: {
      batchNorm: Array.from(weightMagnitude.batchNorm),
      convolution: Array.from(weightMagnitude.convolution),
    },
    tuningScales: [...block.tuningScales],
    seeds: seeds as BlockMetrics['seeds'],
    spread: spreadOverSeeds(seeds, reading),
    ...(photographs && { natural: photographs }),
    excluded: exclusions(block, seeds, photographs?.curves ?? []),
  };
}

function stimulusMetrics(name: string, stimulus: StimulusMeasurements, reading: Reading): StimulusMetrics {
  const mix = mixRatios(stimulus, reading);
  if (!mix) {
    throw new StreamscopeError(
      'badInput',
      `${name}: the mix ratio needs O and B on the images of I and B, and they were not measured.`,
    );
  }
  const results = INVARIANCES.flatMap((kind) => {
    const result = invariance(stimulus, kind, mix, reading);
    return result ? [[kind, result] as const] : [];
  });
  return { mix, invariance: Object.fromEntries(results) };
}

function seedMetrics(
  block: BlockMeasurements,
  seed: SeedMeasurements,
  reading: Reading,
  photographs: BlockMetrics['natural'],
): SeedMetrics {
  const metrics = stimulusMetrics(`block ${block.block}, seed ${seed.seed}`, seed, reading);
  const { mix } = metrics;
  const ratios = clamped(mix, reading);
  const inhibition = meanResponses(seed, 'B', 'I') ?? new Float64Array(block.channels).fill(Number.NaN);
  const rho = photographs?.curves.map((curve) => curve.rho ?? Number.NaN);
  const robust = INVARIANCES.flatMap((kind) => {
    const [own, natural] = [metrics.invariance[kind], photographs?.invariance[kind]];
    return own && natural ? [[kind, passingBoth(own, natural)] as const] : [];
  });
  return {
    seed: seed.seed,
    ...metrics,
    histogram: histogram(ratios, reading.clamp),
    topMixes: topMixes(mix),
    weights: weightCorrelations(block, mix, reading),
    inhibition: {
      values: Array.from(inhibition, (value) => (Number.isFinite(value) ? value : null)),
      comparison: compareGroups(inhibition, mix, reading),
    },
    ...(rho && { curves: compareGroups(rho, mix, reading) }),
    ...(seed.tuning && { tuning: tuningCurves(seed.tuning, block.tuningScales.length) }),
    robust: Object.fromEntries(robust),
  };
}

function exclusions(
  block: BlockMeasurements,
  seeds: readonly SeedMetrics[],
  curves: readonly CurveCorrelation[],
): Exclusions {
  const having = (reason: MixCase) =>
    seeds.map(({ seed, mix }) => ({
      seed,
      channels: [...mix.keys()].filter((channel) => mix[channel].case === reason),
    }));
  const unexcited = (name: string, stimulus: StimulusMeasurements) =>
    (['I', 'B'] as const).map((tap) => {
      const own = meanResponses(stimulus, tap, tap) ?? [];
      return { stimulus: name, tap, channels: [...own.keys()].filter((channel) => own[channel] <= 0) };
    });
  return {
    missing: having('missing'),
    silent: having('silent'),
    unexcited: [
      ...block.seeds.flatMap((seed) => unexcited(`seed ${seed.seed}`, seed)),
      ...(block.natural ? unexcited('photographs', block.natural) : []),
    ],
    withoutCurve: curves
      .filter(({ rho }) => rho === null)
      .map(({ channel, n }) => ({ channel, photographs: n })),
  };
}
