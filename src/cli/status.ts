// streamscope status: how much of a plan a run folder holds. Reads the records only, which takes seconds also for ten
// thousand images; --verify reads every file and compares its hash.

import { findImage, type ImageState, Tally } from './inventory.ts';
import { readPlan } from './planFile.ts';
import { planFileOf } from './runFolder.ts';

export interface StatusOptions {
  run: string;
  /** default: the run's own */
  plan?: string;
  /** also how far each of so many shards is */
  shards?: number;
  verify?: boolean;
  json?: boolean;
}

export interface Status {
  images: number;
  finished: number;
  counts: Record<ImageState, number>;
  shards?: { shard: string; images: number; finished: number }[];
  /** names of what is not finished, in the plan's order */
  unfinished: { image: string; state: ImageState }[];
}

/** Throws badInput for what is no plan, io. An unfinished run is no error. */
export async function statusOf({
  run,
  plan: planPath,
  shards,
  verify = false,
}: StatusOptions): Promise<Status> {
  const plan = await readPlan(planPath ?? planFileOf(run));
  const all = new Tally();
  const parts = Array.from({ length: Math.min(shards ?? 0, plan.tasks.length) }, () => new Tally());
  for (const [at, task] of plan.tasks.entries()) {
    const found = await findImage(run, plan, task, verify);
    all.add(task, found);
    if (shards) parts[at % shards].add(task, found);
  }
  return {
    images: all.total,
    finished: all.finished,
    counts: all.counts,
    ...(shards && {
      shards: parts.map(({ total, finished }, i) => ({ shard: `${i}/${shards}`, images: total, finished })),
    }),
    unfinished: all.unfinished,
  };
}

export async function status(options: StatusOptions): Promise<void> {
  const found = await statusOf(options);
  if (options.json) {
    console.log(JSON.stringify(found, null, 2));
    return;
  }
  console.log(`${found.finished} of ${found.images} images are done`);
  for (const [state, count] of Object.entries(found.counts))
    if (count > 0) console.log(`  ${state}  ${count}`);
  for (const { shard, images, finished } of found.shards ?? [])
    console.log(`shard ${shard}  ${finished} of ${images}${finished === images ? '' : '  unfinished'}`);
}
