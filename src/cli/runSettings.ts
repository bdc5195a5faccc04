// RUN/run.json: the settings that all images of a run folder share, with their hash. Written once, before the first
// image; whoever continues the run must come with the same ones.

import { join } from 'node:path';
import * as v from 'valibot';
import { type RunSettings, settingsHash } from '../analysis/plan.ts';
import { StreamscopeError } from '../error.ts';
import { ensureFolder, readIfPresent, removeAbandoned, writeAtomically } from './files.ts';
import { parseJson } from './jsonFiles.ts';
import { settingsDifference } from './runFolder.ts';
import { version } from './version.ts';

const runSchema = v.object({
  streamscope: v.string(),
  settingsHash: v.string(),
  settings: v.looseObject({ network: v.string(), weightsSha256: v.string() }),
});

type Run = v.InferOutput<typeof runSchema>;

export const runFile = (run: string): string => join(run, 'run.json');

/**
 * Makes the folder and run.json, or tidies up after a killed process and checks that they belong to the same run;
 * returns the hash of the settings. `overwrite` replaces the settings, but never the network or its weights.
 * Throws usage for other settings, with the difference; badInput for a damaged run.json; io.
 */
export async function openRun(run: string, settings: RunSettings, overwrite = false): Promise<string> {
  await ensureFolder(run);
  await removeAbandoned(run);
  const hash = await settingsHash(settings);
  const begun = await readRun(run);
  if (begun) {
    const before = begun.settings;
    if (before.network !== settings.network || before.weightsSha256 !== settings.weightsSha256)
      throw anotherNetwork(run, before, settings);
    const difference = settingsDifference(before, settings);
    if (begun.streamscope !== version)
      console.error(
        `warning: ${run} was begun with streamscope ${begun.streamscope}, this is ${version}: images may differ in their last bits. Each says what made it.`,
      );
    if (!difference) return hash;
    if (!overwrite) {
      throw new StreamscopeError(
        'usage',
        `${run} was begun with other settings: ${difference}.`,
        'Choose another folder with --out, or give the settings it was begun with.',
      );
    }
  }
  const file = { streamscope: version, settingsHash: hash, settings };
  await writeAtomically(runFile(run), `${JSON.stringify(file, null, 2)}\n`);
  return hash;
}

async function readRun(run: string): Promise<Run | undefined> {
  const bytes = await readIfPresent(runFile(run));
  return bytes && parseRun(bytes, runFile(run));
}

/** What run.json says. Throws badInput. */
export function parseRun(bytes: Uint8Array, path: string): Run {
  try {
    return v.parse(runSchema, parseJson(bytes));
  } catch (error) {
    throw new StreamscopeError(
      'badInput',
      `${path} is damaged: ${error instanceof Error ? error.message : error}.`,
      'Remove it and run the command again: every image carries its own settings and is checked against them.',
    );
  }
}

function anotherNetwork(
  run: string,
  before: { network: string; weightsSha256: string },
  { network, weightsSha256 }: RunSettings,
): StreamscopeError {
  const named = (name: string, hash: string) => `${name} with weights ${hash.slice(0, 12)}`;
  return new StreamscopeError(
    'usage',
    `${run} is a run of ${named(before.network, before.weightsSha256)}, expected ${named(network, weightsSha256)}.`,
    'A run folder holds one network. Choose another folder with --out, or the weights it was begun with (STREAMSCOPE_FLOAT16=1 makes others of them).',
  );
}
