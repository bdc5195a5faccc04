// A run folder, in the layout other tools read: RUN/<network>/<torchvision module>/unit<c>/0_distill_center.png,
// beside the float32 image as .npy and a sidecar .json (settings, seed, activation, status, hashes of the two).
// The sidecar is written last: a unit is done when its sidecar is there and its files have the hashes it names.

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { StreamscopeError } from '../error.ts';
import { writeNpy } from '../model/npy.ts';
import { type Unit, unitName } from '../model/taps.ts';
import type { ObjectiveKind } from '../visualization/ascend.ts';
import type { UnitResult } from '../visualization/campaign.ts';
import { encodePng } from '../visualization/png.ts';
import { readIfPresent, writeAtomically } from './files.ts';

/** What a unit's bytes depend on, apart from the adapter. */
export interface UnitSettings {
  network: string;
  weightsSha256: string;
  objective: ObjectiveKind;
  steps: number;
  learningRate: number;
  size: number;
  seed: number;
  retries: number;
  jitter: number;
  scales: readonly number[];
  angles: readonly number[];
}

const sidecarSchema = v.object({
  status: v.picklist(['ok', 'dead', 'diverged']),
  settings: v.record(v.string(), v.unknown()),
  activation: v.optional(v.number()),
  files: v.record(v.string(), v.string()),
});

export type Sidecar = v.InferOutput<typeof sidecarSchema>;

export interface UnitPaths {
  folder: string;
  png: string;
  npy: string;
  json: string;
}

export function pathsOf(
  run: string,
  network: string,
  { tap, channel }: Unit,
  objective: ObjectiveKind,
): UnitPaths {
  const folder = join(run, network, tap.module, `unit${channel}`);
  const base = join(folder, `0_distill_${objective}`);
  return { folder, png: `${base}.png`, npy: `${base}.npy`, json: `${base}.json` };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const nameOf = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

/**
 * The record of a finished unit, or undefined when there is none or its files are not what it says.
 * Throws when it was made under other settings.
 */
export async function finishedUnit(
  paths: UnitPaths,
  unit: Unit,
  settings: UnitSettings,
): Promise<Sidecar | undefined> {
  const bytes = await readIfPresent(paths.json);
  if (!bytes) return undefined;
  const sidecar = parseSidecar(bytes);
  if (!sidecar) return undefined;
  const changed = Object.entries(settings).filter(
    ([key, value]) => JSON.stringify(sidecar.settings[key]) !== JSON.stringify(value),
  );
  if (changed.length > 0) {
    const difference = changed.map(
      ([key, value]) =>
        `${key} was ${JSON.stringify(sidecar.settings[key])}, is now ${JSON.stringify(value)}`,
    );
    throw new StreamscopeError(
      'usage',
      `${unitName(unit)} in ${paths.folder} was made with other settings: ${difference.join('; ')}.`,
      'Choose another folder with --out, or make it anew with --overwrite.',
    );
  }
  for (const path of [paths.png, paths.npy]) {
    const expected = sidecar.files[nameOf(path)];
    const found = expected && (await readIfPresent(path));
    if (sidecar.status === 'ok' && (!found || sha256(found) !== expected)) return undefined;
  }
  return sidecar;
}

function parseSidecar(bytes: Uint8Array): Sidecar | undefined {
  try {
    const result = v.safeParse(sidecarSchema, JSON.parse(new TextDecoder().decode(bytes)));
    return result.success ? result.output : undefined;
  } catch {
    return undefined; // torn or edited: the unit is made again
  }
}

/** Writes a unit. Without status ok there is no image: files of an earlier attempt are removed. */
export async function writeUnit(
  paths: UnitPaths,
  result: UnitResult,
  settings: UnitSettings,
  adapter: string,
  version: string,
): Promise<void> {
  const { unit, status, attempts, activation, ascent, pixels } = result;
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
  const sidecar = {
    unit: unitName(unit),
    place: unit.tap.place,
    module: unit.tap.module,
    channel: unit.channel,
    status,
    attempts,
    activation,
    objective: { first: finite(ascent.objective[0]), last: finite(ascent.objective.at(-1)) },
    settings,
    adapter,
    streamscope: version,
    files,
  };
  await writeAtomically(paths.json, `${JSON.stringify(sidecar, null, 2)}\n`);
}

/** JSON has no NaN. */
const finite = (value: number | undefined): number | null => (Number.isFinite(value) ? value! : null);
