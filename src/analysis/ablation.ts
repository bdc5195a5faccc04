// Ablation at a tap: does replacing the chosen channels hurt the classification of magnified photographs more than
// replacing as many others? Figure 2 of arXiv 2504.16290.
//
//   1  what channels are replaced by: 0, or their mean centre activation over the photographs, unscaled
//   2  unscaled top-1 accuracy: intact, chosen channels replaced, random controls; a control whose accuracy exceeds
//      that of the chosen channels by more than `margin` is rejected, until `trials` are accepted
//   3  the same accuracies at every other scale, of the accepted controls
//
// Controls are drawn without replacement from the channels not chosen, from (seed, tap, number of the draw) alone.
// A pass over the photographs is finished work: it is handed to `onPass`, and not done again when it is known.

import { draws, streamOf } from '../engine/random.ts';
import { StreamscopeError } from '../error.ts';
import type { Replacements } from '../model/edits.ts';
import { INPUT_SIZE } from '../model/preprocess.ts';
import type { Tap } from '../model/taps.ts';
import type { MeasureContext } from '../visualization/measure.ts';
import type { AblationMeasurements } from './ablationSummary.ts';
import { EditedClassifier, type LabelledImage, type Tally, tallyImages } from './accuracy.ts';
import { collectActivations } from './collect.ts';

export type Replacement = 'zero' | 'mean';

/**
 * Which mean: of max(x, 0), of x, or max(mean of x, 0). The released code takes the first at the block's sum, and
 * took the last in an earlier version.
 */
export const MEANS = ['rectified', 'plain', 'rectifiedMean'] as const;
export type MeanKind = (typeof MEANS)[number];

export interface AblationSettings {
  tap: Tap;
  channels: readonly number[];
  replacement: Replacement;
  mean: MeanKind;
  /** 1 first; 1.5 magnifies twofold */
  scales: readonly number[];
  /** accepted controls wanted */
  trials: number;
  /** how far a control's unscaled accuracy may exceed the chosen channels', as a share: 0.01 is one point */
  margin: number;
  seed: number;
  /** controls drawn at most */
  mostDraws: number;
  batch: number;
}

/** What takes part in the measurement of one ablation. */
export interface AblationSource {
  /** labelled photographs in order, prepared at a scale */
  images: (scale: number) => AsyncIterable<LabelledImage>;
  /** results of passes that are done, by key */
  known?: ReadonlyMap<string, Tally[] | number[]>;
  onPass?: (key: string, result: Tally[] | number[]) => Promise<void>;
  onProgress?: (what: string, imagesDone: number) => void;
}

/** AblationMeasurements with everything behind them. */
export interface Ablation extends AblationMeasurements {
  tap: string;
  images: number;
  intact: readonly number[];
  /** by channel of the tap, what stands for it; zeros for zero ablation */
  constants: number[];
  top5: { intact: number[]; ablated: number[] };
  trials: { draw: number; channels: number[]; accuracy: number[]; top5: number[] }[];
  rejected: { draw: number; accuracy: number }[];
}

/** Distinguishes these random numbers from those of images. */
const CONTROLS = 3;

/** Draw number `index` of as many channels as are chosen, from the others, in ascending order. */
export function drawControl(
  { tap, channels, seed }: Pick<AblationSettings, 'tap' | 'channels' | 'seed'>,
  index: number,
): number[] {
  const others = [...Array(tap.channels).keys()].filter((channel) => !channels.includes(channel));
  const stream = streamOf(`ablation/${tap.place}/${index}`);
  // a partial Fisher-Yates shuffle: position i swaps with one of those from i on
  for (let i = 0; i < channels.length; i++) {
    const [offset] = draws({ seed, stream, purpose: CONTROLS }, i, [others.length - i]);
    [others[i], others[i + offset]] = [others[i + offset], others[i]];
  }
  return others.slice(0, channels.length).sort((a, b) => a - b);
}

/** Throws usage for channels and scales that make no ablation. */
export function checkSettings({ tap, channels, scales }: AblationSettings): void {
  const refuse = (message: string, hint?: string) => {
    throw new StreamscopeError('usage', message, hint);
  };
  const last = tap.channels - 1;
  if (channels.length === 0) refuse(`No channels of ${tap.name} to replace.`, `It has channels 0-${last}.`);
  const odd = channels.find((channel, i) => channel > last || channels.indexOf(channel) < i);
  if (odd !== undefined && odd > last)
    refuse(`${tap.name} has no channel ${odd}.`, `It has channels 0-${last}.`);
  if (odd !== undefined) refuse(`Channel ${odd} is listed twice.`);
  if (channels.length > tap.channels / 2) {
    refuse(
      `${channels.length} of ${tap.channels} channels of ${tap.name} leave too few for controls of the same size.`,
      'Choose at most half of them.',
    );
  }
  if (scales[0] !== 1 || scales.some((scale, i) => i > 0 && !(scale > scales[i - 1] && scale < 2)))
    refuse(`Scales ${scales.join(', ')}: expected 1 first, rising, below 2.`);
}

const share = ({ images }: Tally, correct: number): number => correct / images;

/** Measures everything. Throws usage for impossible settings; an aborted source is thrown. */
export async function measureAblation(
  context: MeasureContext,
  settings: AblationSettings,
  source: AblationSource,
): Promise<Ablation> {
  checkSettings(settings);
  const { tap, channels, replacement, scales, batch } = settings;
  const constants =
    replacement === 'mean' ? await meanActivations(context, settings, source) : Array(tap.channels).fill(0);
  const classifier = await EditedClassifier.create(context, tap.place, batch);
  try {
    const run = (what: string, scale: number, lists: readonly (readonly number[])[]) =>
      pass(source, what, () => {
        const variants = lists.map((list): Replacements => new Map(list.map((c) => [c, constants[c]])));
        const onProgress = (done: number) => source.onProgress?.(what, done);
        return tallyImages(classifier, variants, source.images(scale), onProgress);
      });
    const first = await findControls(settings, run);
    const lists = [[], channels, ...first.accepted.map(({ list }) => list)];
    const byScale = [[first.intact, first.ablated, ...first.accepted.map(({ tally }) => tally)]];
    for (const scale of scales.slice(1)) byScale.push(await run(`scale ${scale}`, scale, lists));
    requireSameCount(byScale);
    const accuracies = (variant: number) =>
      byScale.map((tallies) => share(tallies[variant], tallies[variant].top1));
    const top5 = (variant: number) =>
      byScale.map((tallies) => share(tallies[variant], tallies[variant].top5));
    return {
      block: tap.block.name,
      tap: tap.name,
      replacement,
      channels,
      scales,
      images: first.intact.images,
      constants,
      intact: accuracies(0),
      ablated: accuracies(1),
      top5: { intact: top5(0), ablated: top5(1) },
      trials: first.accepted.map(({ draw, list }, i) => {
        return { draw, channels: list, accuracy: accuracies(i + 2), top5: top5(i + 2) };
      }),
      rejected: first.rejected,
    };
  } finally {
    classifier.destroy();
  }
}

/** All passes are over the same photographs. */
function requireSameCount(passes: readonly (readonly Tally[])[]): void {
  const counts = [...new Set(passes.map(([{ images }]) => images))];
  if (counts.length === 1) return;
  throw new StreamscopeError(
    'usage',
    `The photographs changed while they were classified: ${counts.join(', then ')} of them could be used.`,
    'Measure anew with --overwrite.',
  );
}

/** The result of a pass, from those that are known or by doing it. */
async function pass<T extends Tally[] | number[]>(
  { known, onPass }: AblationSource,
  key: string,
  work: () => Promise<T>,
): Promise<T> {
  const done = known?.get(key);
  if (done) return done as T;
  const result = await work();
  await onPass?.(key, result);
  return result;
}

/** What stands for each channel: a mean of its centre activations over the unscaled photographs. */
export function meanActivations(
  context: MeasureContext,
  { tap, mean, batch }: AblationSettings,
  source: AblationSource,
): Promise<number[]> {
  const of = {
    rectified: (v: number) => Math.max(v, 0),
    plain: (v: number) => v,
    rectifiedMean: (v: number) => v,
  };
  return pass(source, 'means', async () => {
    const sums = new Float64Array(tap.channels);
    let images = 0;
    async function* prepared() {
      for await (const { name, pixels } of source.images(1))
        yield { name, pixels: { height: INPUT_SIZE, width: INPUT_SIZE, data: pixels } };
    }
    for await (const group of collectActivations(context, [tap.place], prepared(), batch)) {
      images += group.images.length;
      group.activations.get(tap.place)!.forEach((value, i) => {
        sums[i % tap.channels] += of[mean](value);
      });
      source.onProgress?.('means', images);
    }
    return Array.from(sums, (sum) => (mean === 'rectifiedMean' ? Math.max(sum, 0) : sum) / images);
  });
}

type Run = (what: string, scale: number, lists: readonly (readonly number[])[]) => Promise<Tally[]>;

/** Draws controls, a round at a time, until enough are accepted or as many are drawn as may be. */
async function findControls(settings: AblationSettings, run: Run) {
  const { channels, trials, margin, mostDraws } = settings;
  const accepted: { draw: number; list: number[]; tally: Tally }[] = [];
  const rejected: { draw: number; accuracy: number }[] = [];
  let reference: { intact: Tally; ablated: Tally } | undefined;
  let drawn = 0;
  do {
    const count = Math.min(trials, mostDraws - drawn);
    const lists = Array.from({ length: count }, (_, i) => drawControl(settings, drawn + i));
    const given = reference ? [] : [[], channels];
    const tallies = await run(`scale 1, controls ${drawn}-${drawn + count - 1}`, 1, [...given, ...lists]);
    const controls = tallies.slice(given.length);
    reference ??= { intact: tallies[0], ablated: tallies[1] };
    const limit = share(reference.ablated, reference.ablated.top1) + margin;
    for (const [i, tally] of controls.entries()) {
      const accuracy = share(tally, tally.top1);
      if (accuracy > limit) rejected.push({ draw: drawn + i, accuracy });
      else if (accepted.length < trials) accepted.push({ draw: drawn + i, list: lists[i], tally });
    }
    drawn += count;
  } while (accepted.length < trials && drawn < mostDraws);
  return { ...reference, accepted, rejected };
}
