// Lists as typed, and which channels a command works on: those of a list, or the scale-invariant channels that `analyze` found in a run.

import { join } from 'node:path';
import * as v from 'valibot';
import { StreamscopeError } from '../error.ts';
import { readBytes } from './files.ts';
import { parseJson } from './jsonFiles.ts';

const CHANNELS = /^(?<first>\d+)(?:-(?<last>\d+))?$/;

/** Reads "3,7,12-15"; every channel once, in the order given. Throws usage. */
export function parseChannels(text: string): number[] {
  const channels = new Set<number>();
  for (const item of text.split(',').map((part) => part.trim())) {
    const groups = CHANNELS.exec(item)?.groups;
    const [first, last] = [Number(groups?.first), Number(groups?.last ?? groups?.first)];
    if (!groups || last < first || last > 1e6) {
      throw new StreamscopeError(
        'usage',
        `"${item}" is no channel.`,
        'Write numbers and ranges separated by commas, as in 3,7,12-15.',
      );
    }
    for (let channel = first; channel <= last; channel++) channels.add(channel);
  }
  return [...channels];
}

/** Reads "1,1.1,1.5". Throws usage. */
export function numbers(text: string): number[] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (values.every(Number.isFinite)) return values;
  throw new StreamscopeError(
    'usage',
    `"${text}" is no list of numbers.`,
    'Separate them by commas, as in 1,1.1,1.2.',
  );
}

/** Reads a number of at least 0. */
export function notNegative(name: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= 0) return value;
    throw new StreamscopeError('usage', `${name} is "${text}", expected a number of at least 0.`);
  };
}

const reportSchema = v.object({
  blocks: v.array(
    v.object({
      block: v.string(),
      seeds: v.array(
        v.object({ invariance: v.object({ scale: v.optional(v.object({ passing: v.array(v.number()) })) }) }),
      ),
    }),
  ),
});

/** The channels of a block that passed the criteria with the run's first seed. Throws badInput, io. */
export async function channelsOfRun(run: string, block: string): Promise<number[]> {
  const passing = await invariantChannels(run, block);
  if (passing.length > 0) return passing;
  throw new StreamscopeError(
    'badInput',
    `${join(run, 'report.json')}: no channel of block ${block} is scale invariant, so there is nothing to replace.`,
    'List channels with --channels.',
  );
}

/** The same, and perhaps none. */
export async function invariantChannels(run: string, block: string): Promise<number[]> {
  const path = join(run, 'report.json');
  const hint = 'Run `streamscope analyze` on it, or list channels with --channels.';
  const bytes = await readBytes(path).catch((error: unknown) => {
    if (!(error instanceof StreamscopeError)) throw error;
    throw new StreamscopeError(error.exitClass, error.message, hint);
  });
  let report: v.InferOutput<typeof reportSchema>;
  try {
    report = v.parse(reportSchema, parseJson(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StreamscopeError('badInput', `${path} is no report: ${reason}.`, hint);
  }
  const found = report.blocks.find((candidate) => candidate.block === block);
  const passing = found?.seeds[0]?.invariance.scale?.passing;
  if (!passing)
    throw new StreamscopeError('badInput', `${path} has no scale criteria of block ${block}.`, hint);
  return passing;
}
