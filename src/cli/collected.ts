// What `collect` leaves in a run folder:
//   RUN/<network>/collected.json                settings, images (name, hash, label, notes), skipped files, counts
//   RUN/<network>/<module>/activations.npy      float32 [images, channels], images in the order of collected.json
//   RUN/<network>/<module>/topImages.json       by channel the numbers of the 9 strongest and 9 weakest images
// collected.json is written last and names the SHA-256 of the others. While work goes on, collect.partial.jsonl holds
// the settings in its first line and then a line per file looked at.

import { open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StreamscopeError } from '../error.ts';
import type { Network } from '../model/network.ts';
import { type NpyArray, parseNpy } from '../model/npy.ts';
import { tapsOf } from '../model/taps.ts';
import { fileError } from './failure.ts';
import { readBytes, readIfPresent, writeAtomically } from './files.ts';
import { parseJson } from './jsonFiles.ts';
import { settingsDifference } from './runFolder.ts';

const imageSchema = v.object({
  name: v.string(),
  sha256: v.string(),
  label: v.optional(v.string()),
  notes: v.optional(v.array(v.string())),
});
const skippedSchema = v.object({ name: v.string(), reason: v.string() });

const settingsSchema = v.object({
  network: v.string(),
  weightsSha256: v.string(),
  /** SHA-256 over the names of all files, in order */
  filesSha256: v.string(),
  size: v.number(),
});

const collectedSchema = v.object({
  settings: settingsSchema,
  adapter: v.string(),
  streamscope: v.string(),
  counts: v.object({ images: v.number(), skipped: v.number(), notes: v.record(v.string(), v.number()) }),
  /** by place: the SHA-256 of its files, by name below the network's folder */
  places: v.record(v.string(), v.record(v.string(), v.string())),
  labels: v.optional(v.array(v.string())),
  images: v.array(imageSchema),
  skipped: v.array(skippedSchema),
});

export type CollectSettings = v.InferOutput<typeof settingsSchema>;
export type Collected = v.InferOutput<typeof collectedSchema>;
export type CollectedImage = v.InferOutput<typeof imageSchema>;
export type SkippedImage = v.InferOutput<typeof skippedSchema>;

export const collectedFile = (run: string, network: Network): string =>
  join(run, network.name, 'collected.json');

/** Files of a place, below the run folder. */
export function placeFiles(network: Network, place: string): { activations: string; topImages: string } {
  const tap = tapsOf(network).find((candidate) => candidate.place === place);
  if (!tap) throw new StreamscopeError('bug', `placeFiles: ${network.name} has no place ${place}.`);
  const folder = join(network.name, tap.module);
  return { activations: join(folder, 'activations.npy'), topImages: join(folder, 'topImages.json') };
}

/** The record of a run, or undefined when nothing was collected. Throws usage under other settings. */
export async function readCollected(
  run: string,
  network: Network,
  settings?: CollectSettings,
): Promise<Collected | undefined> {
  const path = collectedFile(run, network);
  const bytes = await readIfPresent(path);
  if (!bytes) return undefined;
  const record = parseWith(collectedSchema, bytes, path);
  if (settings) requireSame(path, record.settings, settings);
  return record;
}

function parseWith<T>(schema: v.GenericSchema<unknown, T>, bytes: Uint8Array, path: string): T {
  try {
    return v.parse(schema, parseJson(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StreamscopeError('badInput', `${path} is damaged: ${reason}.`, 'Remove it and collect again.');
  }
}

function requireSame(path: string, before: object, now: object): void {
  const difference = settingsDifference(before, now);
  if (!difference) return;
  throw new StreamscopeError(
    'usage',
    `${path} was made with other settings: ${difference}.`,
    'Choose another folder with --out, or make it anew with --overwrite.',
  );
}

const extremesSchema = v.object({
  top: v.array(v.array(v.number())),
  bottom: v.array(v.array(v.number())),
});

export interface CollectedPlace extends v.InferOutput<typeof extremesSchema> {
  images: number;
  channels: number;
  /** [images, channels] */
  activations: Float32Array;
}

/** What was collected at a place. Throws badInput when it was not, or files are not whole. */
export async function readPlace(run: string, network: Network, place: string): Promise<CollectedPlace> {
  const { activations, topImages } = placeFiles(network, place);
  const { shape, data }: NpyArray = parseNpy(await readBytes(join(run, activations)));
  const path = join(run, topImages);
  const extremes = parseWith(extremesSchema, await readBytes(path), path);
  if (!(data instanceof Float32Array) || shape.length !== 2 || extremes.top.length !== shape[1])
    throw new StreamscopeError('badInput', `${join(run, activations)} is not what collect writes.`);
  return { images: shape[0], channels: shape[1], activations: data, ...extremes };
}

const lineSchema = v.union([v.object({ image: imageSchema }), v.object({ skipped: skippedSchema })]);

/** What became of one file: an image of its number, or skipped. */
export type Line = v.InferOutput<typeof lineSchema>;

/** collect.partial.jsonl: grows by a line per file, is cut back to what was measured, and removed at the end. */
export class Journal {
  private constructor(
    readonly path: string,
    readonly lines: Line[],
    /** length of the file up to and with each line */
    private readonly ends: number[],
  ) {}

  static pathOf = (run: string, network: Network): string => join(run, network.name, 'collect.partial.jsonl');

  /** Opens the journal of an interrupted collection, or begins one. Throws usage when its settings were others, badInput. */
  static async open(run: string, network: Network, settings: object): Promise<Journal> {
    const path = Journal.pathOf(run, network);
    const bytes = await readIfPresent(path);
    const text = bytes ? new TextDecoder().decode(bytes) : '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1); // the last line may be torn
    if (whole === '') {
      const first = `${JSON.stringify(settings)}\n`;
      await writeAtomically(path, first);
      return new Journal(path, [], [first.length]);
    }
    const [first, ...rest] = whole.trimEnd().split('\n');
    const encoder = new TextEncoder();
    requireSame(path, parseWith(v.looseObject({}), encoder.encode(first), path), settings);
    const lines = rest.map((line) => parseWith(lineSchema, encoder.encode(line), path));
    let end = Buffer.byteLength(first) + 1;
    const ends = [end, ...rest.map((line) => (end += Buffer.byteLength(line) + 1))];
    return new Journal(path, lines, ends);
  }

  get images(): CollectedImage[] {
    return this.lines.flatMap((line) => ('image' in line ? [line.image] : []));
  }

  get skipped(): SkippedImage[] {
    return this.lines.flatMap((line) => ('skipped' in line ? [line.skipped] : []));
  }

  /** Forgets everything behind image number `images` - 1. */
  async keep(images: number): Promise<void> {
    let seen = 0;
    const kept = images === 0 ? 0 : this.lines.findIndex((line) => 'image' in line && ++seen === images) + 1;
    this.lines.length = kept;
    this.ends.length = kept + 1;
    await truncate(this.path, this.ends[kept]);
  }

  async append(lines: readonly Line[]): Promise<void> {
    if (lines.length === 0) return;
    const texts = lines.map((line) => `${JSON.stringify(line)}\n`);
    try {
      const file = await open(this.path, 'a');
      await file.writeFile(texts.join(''));
      await file.close();
    } catch (error) {
      throw fileError('write', this.path, error);
    }
    this.lines.push(...lines);
    for (const text of texts) this.ends.push(this.ends.at(-1)! + Buffer.byteLength(text));
  }

  remove(): Promise<void> {
    return rm(this.path, { force: true });
  }
}
