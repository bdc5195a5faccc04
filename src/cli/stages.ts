// Stages of a run, in order, each done once. RUN/stages/<name>.json says what a stage was given and the SHA-256 of
// every file it made; it is written last. A stage is skipped when it would be given the same again and its files are
// still what its record names. So a run continues wherever it was killed, and a spoilt file is made anew.
//
//   inputs = SHA-256 of (own settings, outputs of the stages it comes after, version)

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { settingsHash } from '../analysis/plan.ts';
import { readBytes, readIfPresent, writeAtomically } from './files.ts';
import { formatDuration } from './progress.ts';
import { version } from './version.ts';

export interface Stage {
  /** part of a file name */
  name: string;
  /** names of earlier stages whose files it reads */
  after: readonly string[];
  /** everything else that decides its files */
  settings: object;
  /** checks its files itself, one by one: runs every time and does only what is missing */
  incremental?: boolean;
  /** Does the work; returns the paths of all its files, below the run folder. */
  run(): Promise<readonly string[]>;
}

const recordSchema = v.object({ inputs: v.string(), outputs: v.record(v.string(), v.string()) });
type StageRecord = v.InferOutput<typeof recordSchema>;

export interface StageTime {
  name: string;
  skipped: boolean;
  seconds: number;
}

/** Does what is missing, and says on stderr what that was. Throws what a stage throws; later ones are then not begun. */
export async function runStages(
  run: string,
  stages: readonly Stage[],
  signal: AbortSignal,
): Promise<StageTime[]> {
  const outputs = new Map<string, string>();
  const times: StageTime[] = [];
  for (const stage of stages) {
    signal.throwIfAborted();
    const started = performance.now();
    const given = stage.after.map((name) => [name, outputs.get(name)]);
    const inputs = await settingsHash({ settings: stage.settings, given, version });
    const known = stage.incremental ? undefined : await intactRecord(run, stage, inputs);
    if (!known) console.error(`${stage.name}:`);
    const record = known ?? (await runStage(run, stage, inputs));
    outputs.set(stage.name, await settingsHash(record.outputs));
    const seconds = (performance.now() - started) / 1000;
    times.push({ name: stage.name, skipped: known !== undefined, seconds });
    console.error(known ? `${stage.name}: already done` : `${stage.name}: ${formatDuration(seconds)}`);
  }
  return times;
}

async function runStage(run: string, stage: Stage, inputs: string): Promise<StageRecord> {
  const paths = await stage.run();
  const record: StageRecord = { inputs, outputs: {} };
  for (const path of [...paths].sort()) record.outputs[path] = sha256(await readBytes(join(run, path)));
  const text = `${JSON.stringify(record, null, 2)}\n`;
  const before = await readIfPresent(recordFile(run, stage));
  if (!before || new TextDecoder().decode(before) !== text)
    await writeAtomically(recordFile(run, stage), text);
  return record;
}

/** What a stage made, when it was given the same and its files are still as they were. */
async function intactRecord(run: string, stage: Stage, inputs: string): Promise<StageRecord | undefined> {
  const bytes = await readIfPresent(recordFile(run, stage));
  const record = bytes && parseRecord(bytes);
  if (record?.inputs !== inputs) return undefined;
  for (const [path, hash] of Object.entries(record.outputs)) {
    const found = await readIfPresent(join(run, path));
    if (!found || sha256(found) !== hash) return undefined;
  }
  return record;
}

const recordFile = (run: string, { name }: Stage): string => join(run, 'stages', `${name}.json`);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function parseRecord(bytes: Uint8Array): StageRecord | undefined {
  try {
    return v.parse(recordSchema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined; // torn or edited: the stage is done again
  }
}
