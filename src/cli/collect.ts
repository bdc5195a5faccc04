// streamscope collect: what every chosen tap answers to a folder of photographs, in one pass. Interrupted, the same
// command goes on where it was, to the same bytes; further blocks are added to the same folder of images.

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CollectedBatch, collectActivations, type PreparedImage } from '../analysis/collect.ts';
import { parseBlocks } from '../analysis/plan.ts';
import { StreamscopeError } from '../error.ts';
import { requireTensors } from '../model/parameters.ts';
import { INPUT_SIZE } from '../model/preprocess.ts';
import { tapsOf } from '../model/taps.ts';
import { ActivationWriter, removeActivations } from './activationFiles.ts';
import {
  type Collected,
  type CollectSettings,
  collectedFile,
  Journal,
  type Line,
  placeFiles,
  readCollected,
} from './collected.ts';
import { writeCrops } from './crops.ts';
import { ensureFolder, readIfPresent, writeAtomically } from './files.ts';
import type { HostOptions } from './host.ts';
import { ImageProgress } from './imageProgress.ts';
import { type Listing, listImages } from './images.ts';
import { collectInChrome } from './inChrome.ts';
import { type OpenWeights, openWeights, withGpu } from './model.ts';
import { countNotes, isPhotograph, photographs, reportFiles } from './photographs.ts';
import type { ProgressStyle } from './progress.ts';
import { version } from './version.ts';

export interface CollectOptions extends HostOptions {
  weights: string;
  images: string;
  /** "1.1,2.0"; all but the first block when absent */
  blocks?: string;
  out: string;
  batch: number;
  /** write the top and bottom images, cut to 224 x 224 */
  crops?: boolean;
  overwrite?: boolean;
  json?: boolean;
  /** print nothing on stdout */
  quiet?: boolean;
  progress: ProgressStyle;
}

const hashOf = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** One collection: what was asked for and what is there already. */
interface Job {
  options: CollectOptions;
  opened: OpenWeights;
  listing: Listing;
  settings: CollectSettings;
  /** of the same images, with other places */
  before?: Collected;
}

/**
 * Collects what is missing and prints what there is. Throws usage under other settings or when the images are no
 * longer those of the folder, badInput when there are none or the weights do not serve a block.
 */
export async function collect(options: CollectOptions, signal: AbortSignal): Promise<Collected> {
  const opened = await openWeights(options.weights);
  const { network, weights, path } = opened;
  const blocks = parseBlocks(network, options.blocks);
  const taps = tapsOf(network).filter(({ block }) => blocks.includes(block));
  const places = [...new Set(taps.map(({ place }) => place))];
  requireTensors(network, weights, places, path);
  const listing = await listImages(options.images);
  await ensureFolder(options.out);
  if (options.overwrite) await removeCollection(options.out, opened);
  const settings = settingsOf(opened, listing);
  const before = await readCollected(options.out, network, settings);
  const missing: string[] = [];
  for (const place of places) if (!(await isIntact(options.out, opened, before, place))) missing.push(place);
  if (missing.length < places.length)
    console.error(`${places.length - missing.length} of ${places.length} places are already collected.`);
  const job = { options, opened, listing, settings, before };
  const collected = before && missing.length === 0 ? before : await collectPlaces(job, missing, signal);
  reportFiles(collected.skipped, collected.counts.notes);
  if (options.crops) await writeCrops(options.out, options.images, network, collected.images, places);
  if (!options.quiet) print(job, collected, places);
  return collected;
}

const settingsOf = ({ network, sha256 }: OpenWeights, { images }: Listing): CollectSettings => ({
  network: network.name,
  weightsSha256: sha256,
  filesSha256: hashOf(images.map(({ name }) => name).join('\n')),
  size: INPUT_SIZE,
});

/** Whether the files of a place are what the record says. */
async function isIntact(
  run: string,
  { network }: OpenWeights,
  record: Collected | undefined,
  place: string,
): Promise<boolean> {
  const files = Object.entries(record?.places[place] ?? {});
  for (const [name, hash] of files) {
    const bytes = await readIfPresent(join(run, network.name, name));
    if (!bytes || hashOf(bytes) !== hash) return false;
  }
  return files.length > 0;
}

async function removeCollection(run: string, { network }: OpenWeights): Promise<void> {
  const places = new Set(tapsOf(network).map(({ place }) => place));
  for (const place of places) await removeActivations(join(run, placeFiles(network, place).activations));
  await rm(collectedFile(run, network), { force: true });
  await rm(Journal.pathOf(run, network), { force: true });
}

async function collectPlaces(job: Job, places: readonly string[], signal: AbortSignal): Promise<Collected> {
  const { network } = job.opened;
  const { out } = job.options;
  const journal = await Journal.open(out, network, { ...job.settings, places });
  const writers = new Map<string, ActivationWriter>();
  try {
    for (const place of places) {
      const { channels } = tapsOf(network).find((tap) => tap.place === place)!;
      writers.set(
        place,
        await ActivationWriter.open(join(out, placeFiles(network, place).activations), channels),
      );
    }
    const done = Math.min(journal.images.length, ...[...writers.values()].map(({ rows }) => rows));
    await journal.keep(done);
    for (const writer of writers.values()) await writer.keep(done);
    if (done > 0) console.error(`${done} of ${job.listing.images.length} images are already measured.`);
    const adapter = await measureAll(job, journal, writers, signal);
    return await finish(job, journal, writers, adapter);
  } finally {
    await Promise.all([...writers.values()].map((writer) => writer.close()));
  }
}

/** A photograph, with the lines of the journal up to its own. */
type Noted = PreparedImage & { lines: Line[] };

/**
 * Measures what the journal does not know yet; every batch goes to the journal first, then to the activations. Returns
 * the adapter.
 */
async function measureAll(
  { options, opened: { network, weights, path }, listing }: Job,
  journal: Journal,
  writers: ReadonlyMap<string, ActivationWriter>,
  signal: AbortSignal,
): Promise<string> {
  const progress = new ImageProgress(
    'collect',
    listing.images.length,
    options.progress,
    journal.lines.length,
  );
  let pending: Line[] = [];
  async function* source(): AsyncGenerator<Noted> {
    for await (const file of photographs(listing, journal.lines.length, signal)) {
      if (!isPhotograph(file)) {
        pending.push({ skipped: file });
        continue;
      }
      const { name, sha256, label, notes } = file;
      const image = { name, sha256, label, notes: notes.length > 0 ? notes : undefined };
      const lines = [...pending, { image }];
      pending = [];
      yield { name, pixels: file.prepared(), lines };
    }
  }
  const onBatch = async ({ images, activations }: CollectedBatch<Noted>) => {
    await journal.append(images.flatMap(({ lines }) => lines));
    for (const [place, values] of activations) await writers.get(place)!.append(values);
    progress.show(journal.lines.length);
    signal.throwIfAborted();
  };
  const places = [...writers.keys()];
  const inNode = () =>
    withGpu({ network, weights }, async (gpu, parameters) => {
      const context = { gpu, network, parameters };
      for await (const batch of collectActivations(context, places, source(), options.batch))
        await onBatch(batch);
      return gpu.adapter;
    });
  const inChrome = () =>
    collectInChrome({ ...options, weights: path }, places, source(), options.batch, onBatch, signal);
  const adapter = await (options.host === 'chrome' ? inChrome() : inNode());
  await journal.append(pending);
  return adapter;
}

/** Gives the files their names and writes the record. */
async function finish(
  { options: { out }, opened: { network }, listing, settings, before }: Job,
  journal: Journal,
  writers: ReadonlyMap<string, ActivationWriter>,
  adapter: string,
): Promise<Collected> {
  const { images } = journal;
  requireSameImages(listing, journal, before);
  const places: Collected['places'] = { ...before?.places };
  for (const [place, writer] of writers) {
    const { sha256, extremes } = await writer.finish();
    const files = placeFiles(network, place);
    const text = `${JSON.stringify({ top: extremes.top, bottom: extremes.bottom })}\n`;
    await writeAtomically(join(out, files.topImages), text);
    const below = (file: string) => file.slice(network.name.length + 1);
    places[place] = { [below(files.activations)]: sha256, [below(files.topImages)]: hashOf(text) };
  }
  const skipped = [...listing.skipped, ...journal.skipped];
  const counts = { images: images.length, skipped: skipped.length, notes: countNotes(images) };
  const { labels } = listing;
  const record = { settings, adapter, streamscope: version, counts, places, labels, images, skipped };
  await writeAtomically(collectedFile(out, network), `${JSON.stringify(record, null, 1)}\n`);
  await journal.remove();
  return record;
}

function requireSameImages(
  listing: Listing,
  { images, skipped }: Journal,
  before: Collected | undefined,
): void {
  const { folder } = listing;
  if (images.length === 0) {
    const [{ name, reason }] = skipped;
    throw new StreamscopeError(
      'badInput',
      `None of the ${listing.images.length} images in ${folder} can be used; ${name}: ${reason}.`,
    );
  }
  if (!before) return;
  const keyOf = (image?: { name: string; sha256: string }) => image && `${image.name} ${image.sha256}`;
  const changed = images.find((image, i) => keyOf(image) !== keyOf(before.images[i]));
  if (changed || before.images.length !== images.length) {
    throw new StreamscopeError(
      'usage',
      `${changed?.name ?? folder} is not what it was when other blocks were collected.`,
      'Choose another folder with --out, or collect everything anew with --overwrite.',
    );
  }
}

function print(
  { options: { out, json }, opened: { network } }: Job,
  { counts, skipped }: Collected,
  places: readonly string[],
): void {
  const files = places.map((place) => ({ place, ...placeFiles(network, place) }));
  if (json) {
    console.log(JSON.stringify({ counts, skipped, places: files }));
    return;
  }
  for (const { place, activations } of files)
    console.log(`${place}  ${counts.images} images  ${join(out, activations)}`);
}
