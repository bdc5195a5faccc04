// Measurements that nobody measured: a block whose channels have a known character, for tests of metrics, figures
// and files. Channel c adds its block with strength g from nearly 0 (a skip channel) to 3 (an overwrite channel); weak
// blocks have weak weights, strong ones are inhibited by their input's image; every fourth channel likes both scales.

import {
  type BlockMeasurements,
  ROLES,
  type Role,
  type SeedMeasurements,
  type StimulusMeasurements,
} from '../../src/analysis/measurements.ts';
import { generator } from './arrays.ts';

export interface SyntheticSettings {
  block?: string;
  channels?: number;
  seeds?: number;
  /** 0: without photographs */
  photographs?: number;
  /** channels whose image of I failed to form, in every seed */
  dead?: readonly number[];
}

export const TUNING_SCALES = Array.from({ length: 11 }, (_, i) => 1 + i / 20);

export function syntheticMeasurements({
  block = '2.1',
  channels = 64 * 2 ** (Number(block[0]) - 1),
  seeds = 3,
  photographs = 200,
  dead = [],
}: SyntheticSettings = {}): BlockMeasurements {
  const noise = generator(`synthetic ${block}`);
  const strength = Float64Array.from({ length: channels }, () => 0.05 + 3 * noise() ** 2);
  const seedList = Array.from({ length: seeds }, (_, seed) => ({
    seed,
    ...stimulus(strength, 1, 0.25, noise),
    tuning: tuningOf(strength, noise),
  }));
  for (const seed of seedList) for (const channel of dead) kill(seed, channel);
  return {
    block,
    channels,
    weightMagnitude: {
      batchNorm: strength.map((g) => 0.1 + 0.1 * g + 0.05 * noise()),
      convolution: strength.map((g) => 0.01 + 0.004 * g + 0.004 * noise()),
    },
    tuningScales: TUNING_SCALES,
    seeds: seedList,
    ...(photographs > 0 && {
      natural: {
        images: photographs,
        ...stimulus(strength, 9, 0.4, noise),
        activations: activationsOf(strength, photographs, noise),
      },
    }),
  };
}

type Noise = () => number;

/** O = I + B for every image; likesBoth decides whether magnifying X_I pleases B, and shrinking X_B pleases I. */
function stimulus(
  strength: Float64Array,
  images: number,
  spread: number,
  noise: Noise,
): StimulusMeasurements {
  const of = (value: (g: number, likesBoth: boolean, c: number) => number) =>
    Float64Array.from({ length: strength.length * images }, (_, i) => {
      const c = Math.floor(i / images);
      return value(strength[c], c % 4 === 0, c) + spread * (noise() - 0.5);
    });
  const I = { I: of(() => 8), B: of((_, both) => (both ? 3 : 0.3)), O: of(() => 6) };
  const B = {
    I: of((g, both) => (both ? 1.5 * g : 0.6 - 1.5 * g)),
    B: of((g) => 6 * g + 0.5),
    O: of((g) => 5 * g),
  };
  const sum = (role: Role) => I[role].map((value, i) => value + B[role][i]);
  const pair = (gain: number) => ({
    blockOnInput: B.I.map((value, i) => value + (Math.floor(i / images) % 4 === 0 ? gain : -0.4)),
    inputOnBlock: I.B.map((value, i) => value + (Math.floor(i / images) % 4 === 0 ? gain : -0.2)),
  });
  return {
    imagesPerChannel: images,
    responses: { I, B, O: { I: sum('I'), B: sum('B'), O: sum('O') } },
    invariance: { scale: pair(1.2), flip: pair(0.2) },
  };
}

const tuningOf = (strength: Float64Array, noise: Noise): Float64Array =>
  Float64Array.from({ length: strength.length * TUNING_SCALES.length }, (_, i) => {
    const c = Math.floor(i / TUNING_SCALES.length);
    const zoom = TUNING_SCALES[i % TUNING_SCALES.length] - 1;
    return 9 - (c % 4 === 0 ? 2 : 12) * zoom + 0.2 * (noise() - 0.5);
  });

function kill(seed: SeedMeasurements, channel: number): void {
  const { imagesPerChannel: n } = seed;
  const erase = (data: Float64Array) => data.fill(Number.NaN, channel * n, (channel + 1) * n);
  for (const tap of ROLES) erase(seed.responses[tap].I!);
  for (const { blockOnInput } of Object.values(seed.invariance)) erase(blockOnInput);
}

/** Photographs [images, channels]: the stronger the block, the more it falls as its input rises. */
function activationsOf(strength: Float64Array, images: number, noise: Noise): Record<Role, Float32Array> {
  const channels = strength.length;
  const I = Float32Array.from({ length: images * channels }, () => 4 * (noise() + noise()) - 3);
  const B = I.map((value, i) => (0.8 - strength[i % channels]) * 0.3 * value + 2 * (noise() - 0.5));
  return { I, B, O: I.map((value, i) => value + B[i]) };
}
