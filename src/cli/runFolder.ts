// Images in a run folder, in the layout other tools read: RUN/<network>/<torchvision module>/unit<c>/
// 0_distill_center.png, 1_distill_center.png, ... (one per seed, numbered from 0), beside the float32 image as .npy and
// a sidecar .json (settings, seeds tried, activation, status, hashes of the two). The module is that of the place, so
// that both names of a place (1.1.I, 1.0.O) lead to one file.
// The sidecar is written last: an image is done when its sidecar is there and its files have the hashes it names.

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { type ImageSettings, imageId } from '../analysis/plan.ts';
import { type FinishedImage, imageBase, sidecarText } from '../analysis/sidecar.ts';
import { StreamscopeError } from '../error.ts';
import { writeNpy } from '../model/npy.ts';
import type { ImageTask } from '../visualization/campaign.ts';
import { encodePng } from '../visualization/png.ts';
import { readIfPresent, writeAtomically } from './files.ts';
import { parseJson } from './jsonFiles.ts';

const shared = {
  /** its name: a record that was copied to another unit's folder is none */
  image: v.string(),
  settings: v.pipe(
    v.unknown(),
    v.check((settings) => !Array.isArray(settings)),
    v.record(v.string(), v.unknown()),
  ),
  /** SHA-256 by file name */
  files: v.record(v.string(), v.string()),
};
const sidecarSchema = v.variant('status', [
  v.object({ status: v.literal('ok'), activation: v.number(), ...shared }),
  v.object({ status: v.picklist(['dead', 'diverged']), activation: v.optional(v.number()), ...shared }),
]);

export type Sidecar = v.InferOutput<typeof sidecarSchema>;

export interface ImagePaths {
  folder: string;
  png: string;
  npy: string;
  json: string;
}

/** Where an image is, or would be. */
export function pathsOf(run: string, network: string, task: ImageTask): ImagePaths {
  const base = join(run, imageBase(network, task));
  return { folder: dirname(base), png: `${base}.png`, npy: `${base}.npy`, json: `${base}.json` };
}

/** The plan of a run that was planned. */
export const planFileOf = (run: string): string => join(run, 'plan.json');

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const nameOf = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

/** "steps was 4, is now 5; ...", or undefined when all settings are the same. */
export function settingsDifference(before: object, now: object): string | undefined {
  const was = new Map(Object.entries(before));
  const changed = Object.entries(now).filter(
    ([key, value]) => JSON.stringify(was.get(key)) !== JSON.stringify(value),
  );
  const shown = (value: unknown) => (value === undefined ? 'not recorded' : JSON.stringify(value));
  return changed.length === 0
    ? undefined
    : changed.map(([key, value]) => `${key} was ${shown(was.get(key))}, is now ${shown(value)}`).join('; ');
}

/**
 * The record of a finished image, or undefined when there is none or its files are not what it says.
 * Throws usage when it was made under other settings.
 */
export async function finishedImage(
  paths: ImagePaths,
  task: ImageTask,
  settings: ImageSettings,
): Promise<Sidecar | undefined> {
  const sidecar = await readSidecar(paths, task);
  if (!sidecar || sidecar === 'damaged') return undefined;
  const difference = settingsDifference(sidecar.settings, settings);
  if (difference) {
    throw new StreamscopeError(
      'usage',
      `${imageId(task)} in ${paths.folder} was made with other settings: ${difference}.`,
      'Choose another folder with --out, or make it anew with --overwrite.',
    );
  }
  return (await readImage(paths, sidecar)) && sidecar;
}

/** What is recorded of an image; undefined when nothing is. */
export async function readSidecar(
  { json }: ImagePaths,
  task: ImageTask,
): Promise<Sidecar | 'damaged' | undefined> {
  const bytes = await readIfPresent(json);
  return bytes && parseSidecar(bytes, task);
}

/** A damaged record says nothing: the image is made again. */
export function parseSidecar(bytes: Uint8Array, task: ImageTask): Sidecar | 'damaged' {
  try {
    const result = v.safeParse(sidecarSchema, parseJson(bytes));
    return result.success && result.output.image === imageId(task) ? result.output : 'damaged';
  } catch {
    return 'damaged'; // torn or edited
  }
}

/** An image's files, PNG and .npy, or none without status ok; undefined when one is not what its record names. */
export async function readImage(
  { png, npy }: ImagePaths,
  { status, files }: Sidecar,
): Promise<[path: string, bytes: Uint8Array][] | undefined> {
  const found: [string, Uint8Array][] = [];
  for (const path of status === 'ok' ? [png, npy] : []) {
    const bytes = await readIfPresent(path);
    if (!bytes || sha256(bytes) !== files[nameOf(path)]) return undefined;
    found.push([path, bytes]);
  }
  return found;
}

/** Writes an image. Without status ok there is none: files of an earlier attempt are removed. */
export async function writeImage(
  paths: ImagePaths,
  result: FinishedImage,
  settings: ImageSettings,
  adapter: string,
  version: string,
): Promise<void> {
  const { status, ascent, pixels } = result;
  const { size } = settings;
  const files: Record<string, string> = {};
  if (status === 'ok') {
    const contents = [
      [paths.png, encodePng(pixels, size, size)],
      [paths.npy, writeNpy([3, size, size], ascent.image)],
    ] as const;
    for (const [path, bytes] of contents) {
      await writeAtomically(path, bytes);
      files[nameOf(path)] = sha256(bytes);
    }
  } else await Promise.all([rm(paths.png, { force: true }), rm(paths.npy, { force: true })]);
  await writeAtomically(paths.json, sidecarText(result, settings, adapter, version, files));
}
