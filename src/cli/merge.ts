// streamscope merge: one run folder from those of several machines, or from itself. Every image of the plan is read and
// its hashes compared; what the folder lacks is copied from the first of the others that has it whole. The bytes that
// were checked are the bytes that are written, and the record comes last, so a merge that was killed is continued by the
// same command. Nothing is removed.

import { StreamscopeError } from '../error.ts';
import type { ImageTask } from '../visualization/campaign.ts';
import { readBytes, writeAtomically } from './files.ts';
import { type Found, findImage, isFinished, Tally } from './inventory.ts';
import { type Plan, readPlan } from './planFile.ts';
import { pathsOf, planFileOf, type Sidecar } from './runFolder.ts';
import { openRun } from './runSettings.ts';
import { keepPlan } from './shard.ts';

export interface MergeOptions {
  out: string;
  /** default: that of the first folder, or of `out` */
  plan?: string;
  json?: boolean;
}

const SHOWN = 20;

/** Throws usage for images of another run, badInput for what is no plan, stopped when images are missing, io. */
export async function merge(
  folders: readonly string[],
  options: MergeOptions,
  signal: AbortSignal,
): Promise<void> {
  const plan = await readPlan(options.plan ?? planFileOf(folders[0] ?? options.out));
  await openRun(options.out, plan.document.settings);
  await keepPlan(options.out, plan);
  const tally = new Tally();
  let [copied, differing] = [0, 0];
  for (const task of plan.tasks) {
    signal.throwIfAborted();
    const merged = await mergeImage(plan, task, options.out, folders);
    tally.add(task, merged.found);
    if (merged.copied) copied++;
    if (merged.differing) differing++;
  }
  const { counts, unfinished } = tally;
  if (options.json) console.log(JSON.stringify({ counts, copied, differing, unfinished }, null, 2));
  else console.log(`${tally}; copied ${copied}`);
  if (differing > 0) {
    console.error(`${differing} images were found with other bytes as well, of another adapter or version.`);
    console.error('  Those of the folder itself were kept, or of the first folder that was named.');
  }
  if (unfinished.length > 0) throw incomplete(tally);
}

interface Merged {
  found: Found;
  copied?: boolean;
  /** another folder has it with other bytes */
  differing?: boolean;
}

async function mergeImage(
  plan: Plan,
  task: ImageTask,
  out: string,
  folders: readonly string[],
): Promise<Merged> {
  const own = await findImage(out, plan, task, true);
  refuseOther(out, own);
  let kept = isFinished(own) ? own : undefined;
  let [copied, differing] = [false, false];
  for (const folder of folders) {
    const found = await findImage(folder, plan, task, kept === undefined);
    refuseOther(folder, found);
    if (!isFinished(found)) continue;
    if (kept) differing ||= !hasSameFiles(kept.sidecar!, found.sidecar!);
    else {
      kept = found;
      copied = await copyImage(plan, task, folder, out, found);
    }
  }
  return { found: kept ?? own, copied, differing };
}

const hasSameFiles = (a: Sidecar, b: Sidecar): boolean =>
  JSON.stringify(Object.entries(a.files).sort()) === JSON.stringify(Object.entries(b.files).sort());

/** Writes an image whose files were read and found whole; the record last. */
async function copyImage(
  { network }: Plan,
  task: ImageTask,
  from: string,
  to: string,
  { files = [] }: Found,
): Promise<boolean> {
  const [source, target] = [pathsOf(from, network.name, task), pathsOf(to, network.name, task)];
  const record = await readBytes(source.json);
  for (const [path, bytes] of files)
    await writeAtomically(path === source.png ? target.png : target.npy, bytes);
  await writeAtomically(target.json, record);
  return true;
}

function refuseOther(folder: string, { state, difference }: Found): void {
  if (state !== 'otherSettings') return;
  throw new StreamscopeError(
    'usage',
    `${folder} holds images of another run: ${difference}.`,
    'Merge folders of one plan only.',
  );
}

function incomplete(tally: Tally): StreamscopeError {
  const shown = tally.unfinished.slice(0, SHOWN).map(({ image, state }) => `${image} (${state})`);
  const more = tally.unfinished.length - shown.length;
  return new StreamscopeError(
    'stopped',
    `The run is not whole: ${tally}: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
    'Run their shards again, then merge again. --json lists them all.',
  );
}
