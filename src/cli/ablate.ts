// streamscope ablate: replaces channels of a tap and measures what that does to the classification of magnified
// photographs, beside random controls. Writes RUN/ablation/<tap>-<replacement>.json. Passes over the photographs that
// are done are kept in <tap>-<replacement>.partial.json: interrupted, the same command goes on.

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  type Ablation,
  type AblationSettings,
  checkSettings,
  type MeanKind,
  measureAblation,
  type Replacement,
} from '../analysis/ablation.ts';
import { type AblationSummary, summarizeAblation } from '../analysis/ablationSummary.ts';
import { StreamscopeError } from '../error.ts';
import { requireTensors } from '../model/parameters.ts';
import { findTap } from '../model/taps.ts';
import { channelsOfRun, parseChannels } from './channelLists.ts';
import { ensureFolder, readIfPresent, writeAtomically } from './files.ts';
import { ImageProgress } from './imageProgress.ts';
import { type Listing, listImages, type SkippedFile } from './images.ts';
import { parseJson } from './jsonFiles.ts';
import { LabelledFiles } from './labelledFiles.ts';
import { classesOf } from './labels.ts';
import { type OpenWeights, openWeights, withGpu } from './model.ts';
import { countNotes, reportFiles } from './photographs.ts';
import type { ProgressStyle } from './progress.ts';
import { settingsDifference } from './runFolder.ts';
import { version } from './version.ts';

export interface AblateOptions {
  weights: string;
  images: string;
  out: string;
  block: string;
  tap: string;
  channels?: string;
  fromRun?: string;
  replacement: Replacement;
  /** by default of max(x, 0) where the place is a sum, of x elsewhere */
  mean?: MeanKind;
  scales: readonly number[];
  trials: number;
  /** percentage points */
  margin: number;
  seed: number;
  draws: number;
  classes?: string;
  batch: number;
  overwrite?: boolean;
  json?: boolean;
  progress: ProgressStyle;
}

const recordSchema = v.looseObject({ settings: v.record(v.string(), v.unknown()) });
const partialSchema = v.object({
  settings: v.record(v.string(), v.unknown()),
  passes: v.record(
    v.string(),
    v.union([
      v.array(v.number()),
      v.array(v.object({ images: v.number(), top1: v.number(), top5: v.number() })),
    ]),
  ),
});
type Passes = v.InferOutput<typeof partialSchema>['passes'];

/** What is in the file that is written. */
export interface AblationRecord {
  settings: Record<string, unknown>;
  adapter: string;
  streamscope: string;
  counts: { images: number; skipped: number; notes: Record<string, number> };
  skipped: SkippedFile[];
  ablation: Ablation;
  summary: AblationSummary;
}

/**
 * Measures, writes and prints an ablation. Throws badInput for weights without the classifier, images without labels
 * or without a usable one; usage for impossible channels and for other settings in the same file.
 */
export async function ablate(options: AblateOptions, signal: AbortSignal): Promise<AblationRecord> {
  const opened = await openWeights(options.weights);
  requireTensors(opened.network, opened.weights, ['logits'], opened.path);
  const settings = await settingsOf(options, opened);
  checkSettings(settings);
  const listing = await listImages(options.images);
  const classes = await classesOf(listing, opened.network.classes, options.classes);
  const base = join(options.out, 'ablation', `${settings.tap.name}-${settings.replacement}`);
  await ensureFolder(join(options.out, 'ablation'));
  if (options.overwrite)
    await Promise.all([`${base}.json`, `${base}.partial.json`].map((path) => rm(path, { force: true })));
  const recorded = recordedSettings(settings, opened, listing);
  const record =
    (await finished(`${base}.json`, recorded)) ??
    (await measure(options, opened, settings, { listing, classes, base, recorded, signal }));
  reportFiles(record.skipped, record.counts.notes);
  print(options, record, `${base}.json`);
  return record;
}

async function settingsOf(options: AblateOptions, { network }: OpenWeights): Promise<AblationSettings> {
  const { block, channels, fromRun, replacement, scales, trials, margin, seed, draws, batch } = options;
  const tap = findTap(network, `${block}.${options.tap}`);
  if ((channels === undefined) === (fromRun === undefined)) {
    throw new StreamscopeError(
      'usage',
      'ablate: which channels? Expected one of --channels and --from-run.',
      'Write --channels 3,7,12-15, or --from-run RUN for the scale-invariant channels that analyze found.',
    );
  }
  const list =
    channels === undefined ? await channelsOfRun(fromRun!, tap.block.name) : parseChannels(channels);
  const mean = options.mean ?? (tap.place.endsWith('.O') ? 'rectified' : 'plain');
  const limits = { trials, margin: margin / 100, seed, mostDraws: draws };
  return { tap, channels: list, replacement, mean, scales, ...limits, batch };
}

/** Everything the numbers depend on, apart from the adapter. */
function recordedSettings(
  { tap, mean, batch: _, ...settings }: AblationSettings,
  { network, sha256 }: OpenWeights,
  { images }: Listing,
): Record<string, unknown> {
  const names = images.map(({ name }) => name).join('\n');
  return {
    network: network.name,
    weightsSha256: sha256,
    filesSha256: createHash('sha256').update(names).digest('hex'),
    tap: tap.name,
    ...settings,
    ...(settings.replacement === 'mean' && { mean }),
  };
}

function requireSame(path: string, before: object, now: object): void {
  const difference = settingsDifference(before, now);
  if (!difference) return;
  throw new StreamscopeError(
    'usage',
    `${path} was made with other settings: ${difference}.`,
    'Choose another folder with --out, or measure anew with --overwrite.',
  );
}

async function readRecord<T extends { settings: object }>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  settings: object,
): Promise<T | undefined> {
  const bytes = await readIfPresent(path);
  if (!bytes) return undefined;
  let record: T;
  try {
    record = v.parse(schema, parseJson(bytes));
  } catch {
    throw new StreamscopeError('badInput', `${path} is damaged.`, 'Measure anew with --overwrite.');
  }
  requireSame(path, record.settings, settings);
  return record;
}

async function finished(path: string, settings: object): Promise<AblationRecord | undefined> {
  const record = await readRecord(path, recordSchema, settings);
  if (record) console.error(`${path} is already there.`);
  return record as AblationRecord | undefined;
}

interface Work {
  listing: Listing;
  classes: ReadonlyMap<string, number>;
  /** path without its ending */
  base: string;
  recorded: Record<string, unknown>;
  signal: AbortSignal;
}

async function measure(
  { progress: style }: AblateOptions,
  { network, weights }: OpenWeights,
  settings: AblationSettings,
  { listing, classes, base, recorded, signal }: Work,
): Promise<AblationRecord> {
  const partial = `${base}.partial.json`;
  const passes: Passes = (await readRecord(partial, partialSchema, recorded))?.passes ?? {};
  const files = new LabelledFiles(listing, classes, signal);
  let progress: ImageProgress | undefined;
  const onProgress = (what: string, done: number) => {
    if (progress?.what !== what) progress = new ImageProgress(what, listing.images.length, style);
    progress.show(done);
  };
  const onPass = async (key: string, result: Passes[string]) => {
    passes[key] = result;
    await writeAtomically(partial, `${JSON.stringify({ settings: recorded, passes })}\n`);
  };
  const source = { images: files.at, known: new Map(Object.entries(passes)), onPass, onProgress };
  const { ablation, adapter } = await withGpu({ network, weights }, async (gpu, parameters) => {
    const measured = await measureAblation({ gpu, network, parameters }, settings, source);
    return { ablation: measured, adapter: gpu.adapter };
  });
  await files.lookAtAll();
  const skipped = [...listing.skipped, ...files.skipped.values()];
  const counts = {
    images: ablation.images,
    skipped: skipped.length,
    notes: countNotes([...files.notes.values()]),
  };
  const summary = summarizeAblation(ablation);
  const record = { settings: recorded, adapter, streamscope: version, counts, skipped, ablation, summary };
  await writeAtomically(`${base}.json`, `${JSON.stringify(record, null, 1)}\n`);
  await rm(partial, { force: true });
  return record;
}

function print({ json }: AblateOptions, { ablation, summary }: AblationRecord, path: string): void {
  if (json) {
    console.log(JSON.stringify({ path, ...ablation }));
    return;
  }
  const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
  const { tap, channels, replacement, intact, ablated, trials, rejected } = ablation;
  console.log(
    `${tap}: ${channels.length} channels replaced by their ${replacement === 'mean' ? 'mean' : 'absence, 0'}`,
  );
  console.log(`${trials.length} random controls accepted, ${rejected.length} rejected`);
  for (const [i, { scale, mean, standardError }] of summary.ratios.entries()) {
    const ratio =
      mean === null ? 'no ratio' : `ratio ${mean.toFixed(4)} +- ${(standardError ?? Number.NaN).toFixed(4)}`;
    console.log(`scale ${scale}  intact ${percent(intact[i])}  replaced ${percent(ablated[i])}  ${ratio}`);
  }
  console.log(path);
}
