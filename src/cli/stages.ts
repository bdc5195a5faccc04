// Stages of a run, in order, each done once. A stage names the files it reads and the files it made, and
// RUN/stages/<name>.json keeps the SHA-256 of both; it is written last. A stage is skipped when it would read the same
// again and its files are still what its record says. So a run continues wherever it was killed, a spoilt file is made
// anew, and what was not touched is not done again.
//
//   inputs = SHA-256 of (settings, SHA-256 of every file it reads, version)

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { settingsHash } from '../analysis/plan.ts';
import { StreamscopeError } from '../error.ts';
import { readIfPresent, writeAtomically } from './files.ts';
import { parseJson } from './jsonFiles.ts';
import { formatDuration } from './progress.ts';
import { version } from './version.ts';

export interface Stage {
  /** part of a file name */
  name: string;
  /** everything that decides its files, apart from what it reads */
  settings: object;
  /** paths below the run folder of files that earlier stages made, of those that are there */
  reads?: () => readonly string[] | Promise<readonly string[]>;
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
  const times: StageTime[] = [];
  for (const stage of stages) {
    signal.throwIfAborted();
    const started = performance.now();
    const inputs = await inputsOf(run, stage);
    const skipped = !stage.incremental && (await isIntact(run, stage, inputs));
    if (!skipped) {
      console.error(`${stage.name}:`);
      await runStage(run, stage, inputs);
    }
    const seconds = (performance.now() - started) / 1000;
    times.push({ name: stage.name, skipped, seconds });
    console.error(skipped ? `${stage.name}: already done` : `${stage.name}: ${formatDuration(seconds)}`);
  }
  return times;
}

async function inputsOf(run: string, { settings, reads }: Stage): Promise<string> {
  const read: [path: string, hash: string | undefined][] = [];
  for (const path of [...((await reads?.()) ?? [])].sort()) read.push([path, await hashOf(run, path)]);
  return settingsHash({ settings, read, version });
}

async function runStage(run: string, stage: Stage, inputs: string): Promise<void> {
  const record: StageRecord = { inputs, outputs: {} };
  for (const path of [...(await stage.run())].sort()) {
    const hash = await hashOf(run, path);
    if (!hash) throw new StreamscopeError('bug', `${stage.name}: ${path} was not written.`);
    record.outputs[path] = hash;
  }
  const text = `${JSON.stringify(record, null, 2)}\n`;
  const before = await readIfPresent(recordFile(run, stage));
  if (!before || new TextDecoder().decode(before) !== text)
    await writeAtomically(recordFile(run, stage), text);
}

/** Whether a stage was given the same and its files are still as they were. */
async function isIntact(run: string, stage: Stage, inputs: string): Promise<boolean> {
  const bytes = await readIfPresent(recordFile(run, stage));
  const record = bytes && parseRecord(bytes);
  if (record?.inputs !== inputs) return false;
  for (const [path, hash] of Object.entries(record.outputs))
    if ((await hashOf(run, path)) !== hash) return false;
  return true;
}

/** SHA-256 of a file below the run folder; undefined when there is none. */
async function hashOf(run: string, path: string): Promise<string | undefined> {
  const bytes = await readIfPresent(join(run, path));
  return bytes && createHash('sha256').update(bytes).digest('hex');
}

const recordFile = (run: string, { name }: Stage): string => join(run, 'stages', `${name}.json`);

function parseRecord(bytes: Uint8Array): StageRecord | undefined {
  try {
    return v.parse(recordSchema, parseJson(bytes));
  } catch {
    return undefined; // torn or edited: the stage is done again
  }
}
