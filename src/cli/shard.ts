// streamscope run: the images of one shard of a plan. Of n shards, shard i has the images i, i + n, i + 2n, ... of the
// plan: every shard gets the same share of every place, cheap and dear, and all first seeds come first.
//
// Nothing is locked. An image's bytes depend on the plan alone, and its files get their names when they are whole; two
// processes on one shard do the work twice and leave the same bytes. On different adapters they may not: if files of
// two of them ever mix, their record does not fit them, and the next run or merge says so.

import { imageId } from '../analysis/plan.ts';
import { StreamscopeError } from '../error.ts';
import { runCampaign } from './campaign.ts';
import { readIfPresent, writeAtomically } from './files.ts';
import { openWeights } from './model.ts';
import { writePlan } from './plan.ts';
import { campaignSettings, type Plan, readPlan, requirePlanOf } from './planFile.ts';
import type { ProgressStyle } from './progress.ts';
import { planFileOf } from './runFolder.ts';
import { openRun } from './runSettings.ts';

export interface Shard {
  /** 0, 1, ..., count - 1 */
  index: number;
  count: number;
}

export interface ShardOptions {
  weights: string;
  plan: string;
  out: string;
  shard?: Shard;
  batch?: number;
  progress: ProgressStyle;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads "3/8". Throws usage. */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d{1,6})\/(\d{1,6})$/.exec(text)?.map(Number) ?? [];
  if (index < count) return { index, count };
  const hint = 'Write i/n with i from 0 to n - 1: --shard 0/8, --shard 1/8, ..., --shard 7/8.';
  throw new StreamscopeError('usage', `--shard is "${text}".`, hint);
}

/**
 * The shard that a scheduler means: task i of a Slurm job array, completion i of a Kubernetes Indexed Job.
 * STREAMSCOPE_SHARDS says how many there are; without it a Slurm array must be whole (0-7), because its count tells
 * nothing about the shards when only some tasks of it are submitted again. Throws usage.
 */
export function shardOfEnvironment(env: Environment): Shard {
  const index = env.SLURM_ARRAY_TASK_ID ?? env.JOB_COMPLETION_INDEX;
  if (index === undefined) {
    const hint =
      'Give --shard i/n, or --shard 0/1 for everything. Schedulers are described in docs/cluster.md.';
    throw new StreamscopeError('usage', 'Which shard? Neither --shard nor a job array says.', hint);
  }
  const count = env.STREAMSCOPE_SHARDS ?? wholeArray(env);
  if (count !== undefined) return parseShard(`${index}/${count}`);
  const hint =
    'Set STREAMSCOPE_SHARDS to the number of shards, or submit all of them: --array=0-7 for eight.';
  throw new StreamscopeError('usage', `Task ${index} is shard ${index} of how many?`, hint);
}

/** How many tasks a Slurm array has, if they are 0, 1, 2, ... */
function wholeArray(env: Environment): string | undefined {
  const { SLURM_ARRAY_TASK_COUNT: count, SLURM_ARRAY_TASK_MIN: min, SLURM_ARRAY_TASK_MAX: max } = env;
  return min === '0' && Number(max) === Number(count) - 1 ? count : undefined;
}

/** Every count-th of a list, from number `index` on. */
export const shareOf = <T>(list: readonly T[], { index, count }: Shard): T[] =>
  list.filter((_, at) => at % count === index);

/** Throws usage for other weights or another run's folder, badInput, io, and what a campaign throws. */
export async function runShard(options: ShardOptions, signal: AbortSignal): Promise<void> {
  const shard = options.shard ?? shardOfEnvironment(process.env);
  const opened = await openWeights(options.weights);
  const plan = await readPlan(options.plan, opened.network);
  await requirePlanOf(opened, plan);
  await openRun(options.out, plan.document.settings);
  await keepPlan(options.out, plan);
  const tasks = shareOf(plan.tasks, shard);
  console.error(`shard ${shard.index}/${shard.count}: ${tasks.length} of ${plan.tasks.length} images`);
  const { out, batch, progress } = options;
  const made = await runCampaign(
    opened,
    tasks,
    { ...campaignSettings(plan.document), out, batch, progress },
    signal,
  );
  for (const { task, status } of made) if (status !== 'ok') console.error(`${imageId(task)} is ${status}`);
}

/** RUN/plan.json, so that status, merge and reproduce know what belongs to the run. Throws usage for another plan. */
export async function keepPlan(run: string, { path, document }: Plan): Promise<void> {
  const text = writePlan(document);
  const before = await readIfPresent(planFileOf(run));
  if (!before) return writeAtomically(planFileOf(run), text);
  if (new TextDecoder().decode(before) === text) return;
  throw new StreamscopeError(
    'usage',
    `${planFileOf(run)} is another plan than ${path}.`,
    'Choose another folder with --out. To let this run grow, remove its plan.json: images that are there are kept.',
  );
}
