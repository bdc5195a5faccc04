// The ablations of a run, as `ablate` leaves them in RUN/ablation/<tap>-<replacement>.json. What is still being
// measured (.partial.json) is not read.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { AblationMeasurements } from '../analysis/ablationSummary.ts';
import { StreamscopeError } from '../error.ts';
import { fileError } from './failure.ts';
import { readBytes } from './files.ts';
import { parseJson } from './jsonFiles.ts';

const shares = v.array(v.pipe(v.number(), v.minValue(0), v.maxValue(1)));
const recordSchema = v.object({
  ablation: v.object({
    block: v.string(),
    replacement: v.string(),
    channels: v.array(v.number()),
    scales: v.pipe(v.array(v.number()), v.minLength(1)),
    intact: v.optional(shares),
    ablated: shares,
    trials: v.array(v.object({ channels: v.array(v.number()), accuracy: shares })),
  }),
});

/** In the order of their names; none is no error. Throws badInput for a damaged file. */
export async function readAblations(run: string): Promise<AblationMeasurements[]> {
  const names = (await namesIn(join(run, 'ablation')))
    .filter((name) => name.endsWith('.json') && !name.endsWith('.partial.json'))
    .sort();
  return Promise.all(names.map((name) => readAblation(join(run, 'ablation', name))));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileError('read', folder, error);
  }
}

async function readAblation(path: string): Promise<AblationMeasurements> {
  const bytes = await readBytes(path);
  try {
    const { ablation } = v.parse(recordSchema, parseJson(bytes));
    const { scales, ablated, trials } = ablation;
    if ([ablated, ...trials.map(({ accuracy }) => accuracy)].some(({ length }) => length !== scales.length))
      throw new Error(`expected ${scales.length} accuracies, one per scale`);
    return ablation;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StreamscopeError(
      'badInput',
      `${path} is damaged: ${reason}.`,
      'Measure anew: ablate --overwrite.',
    );
  }
}
