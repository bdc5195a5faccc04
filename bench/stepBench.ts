// npm run bench -- step: every case is validated, then timed in rounds: ours, theirs, ours, theirs. Whatever else the
// machine does meanwhile hits both sides, so the ratio of a round means something where the times do not.

import { missingTensors } from '../src/model/parameters.ts';
import type { AscendContext } from '../src/visualization/ascend.ts';
import type { PyTorch, PyTorchApart } from './pytorch.ts';
import { type Comparison, compare, median, type Summary, summarize } from './samples.ts';
import { type Counts, countCase, estimate, timeCase } from './step.ts';
import { type StepCase, stepCases } from './stepCase.ts';
import { referenceOf, type Validation, validate } from './validation.ts';

/** The loops of the reference take seconds per start behind these. */
const LOOPED = ['1.1.O', '2.0.O'];
const ROUNDS = 2;

/** How PyTorch does a step: README.md has what they are. */
const VARIANTS = ['study', 'tuned', 'cropped'] as const;
export type Variant = (typeof VARIANTS)[number];

/** Times are per image and step. */
export interface Theirs extends Partial<Comparison> {
  validation: Validation & { unavailable?: string };
  batch?: number;
  mode?: string;
  /** the same in one process for each core, which share the batch; not for a batch of one */
  apart?: Comparison & { processes: number };
}

/** PyTorch as it comes, and on a CPU also in several processes. */
export interface Rivals {
  whole: PyTorch;
  apart?: PyTorchApart;
}

export interface StepRow {
  tap: string;
  channel: number;
  jitter: number;
  batch: number;
  /** why it was not measured */
  skipped?: string;
  validation?: Validation;
  /** per image and step */
  ms?: Summary;
  counts?: Counts;
  gflops?: number;
  liveBytes?: number;
  /** adapterMs over the wall time of a step */
  busy?: number | null;
  pytorch?: Partial<Record<Variant, Theirs>>;
}

export interface StepOptions {
  taps: string[];
  batch: number[];
  seconds: number;
}

/** Rows as they are finished. A row without `ms` has failed unless it says that it was skipped. */
export async function* benchSteps(
  context: AscendContext,
  rivals: Rivals | undefined,
  { taps, batch, seconds }: StepOptions,
): AsyncGenerator<StepRow> {
  for (const step of stepCases(context.network, taps, batch)) {
    const { tap, jitter, channels } = step;
    const row: StepRow = { tap: tap.name, channel: channels[0], jitter, batch: step.batch };
    const lacking = missingTensors(context.network, context.parameters.weights, tap.place, 'the weights');
    if (lacking.length > 0) yield { ...row, skipped: 'the weights do not reach it' };
    else if (!rivals && !LOOPED.includes(tap.name))
      yield { ...row, skipped: 'validated against PyTorch only: --against pytorch' };
    else yield { ...row, ...(await benchStep(context, rivals, step, seconds)) };
  }
}

async function benchStep(
  context: AscendContext,
  rivals: Rivals | undefined,
  step: StepCase,
  seconds: number,
): Promise<Partial<StepRow>> {
  const reference = await (rivals?.whole.reference(step) ?? referenceOf(context, step));
  const validation = await validate(context, step, reference);
  if (!validation.valid) return { validation };
  const theirs: Partial<Record<Variant, Theirs>> = {};
  const others = rivals ? await othersOf(rivals, step, theirs) : [];
  const counts = await countCase(context, step);
  const timed = await alternate(context, step, seconds, others);
  if (!timed) return { validation: { ...validation, valid: false } };
  const perBatch = timed.ms.median * step.batch;
  return {
    validation,
    ...timed,
    counts,
    gflops: counts.mflop / perBatch,
    busy: counts.adapterMs === null ? null : counts.adapterMs / perBatch,
    ...(rivals && { pytorch: theirs }),
  };
}

/** What is timed beside us. */
interface Other {
  time(seconds: number): Promise<number[]>;
  /** given the samples of all rounds, beside ours */
  compared(comparison: Comparison): void;
}

/** The variants that compute the same, in one process and in several. They write to `theirs`. */
async function othersOf(
  { whole, apart }: Rivals,
  step: StepCase,
  theirs: Partial<Record<Variant, Theirs>>,
): Promise<Other[]> {
  const others: Other[] = [];
  const several = apart && step.batch >= apart.processes ? apart : undefined;
  await several?.prepare(step);
  for (const variant of VARIANTS) {
    const found: Theirs = { validation: await whole.validate(variant) };
    theirs[variant] = found;
    if (!found.validation.valid) continue;
    others.push({
      time: async (seconds) => {
        const { samples, ...facts } = await whole.time(variant, seconds);
        Object.assign(found, facts);
        return samples;
      },
      compared: (comparison) => Object.assign(found, comparison),
    });
    if (!several || !(await several.validate(variant))) continue;
    others.push({
      time: (seconds) => several.time(variant, seconds),
      compared: (comparison) => {
        found.apart = { processes: several.processes, ...comparison };
      },
    });
  }
  return others;
}

/** The rounds; undefined when a unit of ours did not end well. */
async function alternate(
  context: AscendContext,
  step: StepCase,
  seconds: number,
  others: readonly Other[],
): Promise<{ ms: Summary; liveBytes: number } | undefined> {
  const samples: number[][] = [];
  const found = others.map((): number[][] => []);
  let perStep = await estimate(context, step);
  let liveBytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const timed = await timeCase(context, step, perStep, seconds / ROUNDS);
    if (!timed.ok) return undefined;
    samples.push(timed.samples);
    perStep = step.batch * median(timed.samples);
    liveBytes = Math.max(liveBytes, timed.liveBytes);
    for (const [i, other] of others.entries()) found[i].push(await other.time(seconds / ROUNDS));
  }
  others.forEach((other, i) => {
    other.compared(compare(samples, found[i]));
  });
  return { ms: summarize(samples.flat()), liveBytes };
}

/** A row has failed when something that was to be measured did not validate. */
export const stepFailed = ({ skipped, ms, pytorch }: StepRow): boolean =>
  skipped === undefined &&
  (!ms ||
    Object.values(pytorch ?? {}).some(({ validation }) => !validation.valid && !validation.unavailable));

/** Columns for people. */
export const STEP_HEADER =
  'tap    batch     ms/image   spread         busy  dispatches    MFLOP  GFLOP/s  live MiB   PyTorch, ms (their time over ours)';

export function stepLine(row: StepRow): string {
  const head = `${row.tap.padEnd(6)} ${String(row.batch).padStart(5)}  `;
  if (row.skipped) return `${head} not measured: ${row.skipped}`;
  const { validation, ms, counts } = row;
  if (!ms || !counts) return `${head} DIFFERS ${JSON.stringify(validation)}`;
  const theirs = Object.entries(row.pytorch ?? {}).map(
    ([variant, { ms: found, ratio, apart, validation: v }]) =>
      found
        ? `${variant} ${found.median.toFixed(1)} (${ratio!.toFixed(2)}x${apart ? `, ${apart.processes} processes ${apart.ratio.toFixed(2)}x` : ''})`
        : `${variant} ${v.unavailable ? '-' : `DIFFERS ${JSON.stringify(v)}`}`,
  );
  return [
    head,
    ms.median.toFixed(3).padStart(9),
    `${ms.low.toFixed(2)}-${ms.high.toFixed(2)}`.padStart(14),
    (row.busy == null ? '-' : row.busy.toFixed(2)).padStart(8),
    String(counts.dispatches).padStart(11),
    counts.mflop.toFixed(0).padStart(8),
    row.gflops!.toFixed(1).padStart(8),
    (row.liveBytes! / 2 ** 20).toFixed(0).padStart(9),
    `  ${theirs.join('  ')}`,
  ].join(' ');
}
