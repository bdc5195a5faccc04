// npm run bench -- step: every case is validated, then timed in rounds: ours, theirs, ours, theirs. Whatever else the
// machine does meanwhile hits both sides, so the ratio of a round means something where the times do not.

import { missingTensors } from '../src/model/parameters.ts';
import type { AscendContext } from '../src/visualization/ascend.ts';
import type { PyTorch } from './pytorch.ts';
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
  pytorch: PyTorch | undefined,
  { taps, batch, seconds }: StepOptions,
): AsyncGenerator<StepRow> {
  for (const step of stepCases(context.network, taps, batch)) {
    const { tap, jitter, channels } = step;
    const row: StepRow = { tap: tap.name, channel: channels[0], jitter, batch: step.batch };
    const lacking = missingTensors(context.network, context.parameters.weights, tap.place, 'the weights');
    if (lacking.length > 0) yield { ...row, skipped: 'the weights do not reach it' };
    else if (!pytorch && !LOOPED.includes(tap.name))
      yield { ...row, skipped: 'validated against PyTorch only: --against pytorch' };
    else yield { ...row, ...(await benchStep(context, pytorch, step, seconds)) };
  }
}

async function benchStep(
  context: AscendContext,
  pytorch: PyTorch | undefined,
  step: StepCase,
  seconds: number,
): Promise<Partial<StepRow>> {
  const reference = await (pytorch?.reference(step) ?? referenceOf(context, step));
  const validation = await validate(context, step, reference);
  if (!validation.valid) return { validation };
  const theirs: Partial<Record<Variant, Theirs>> = {};
  for (const variant of pytorch ? VARIANTS : [])
    theirs[variant] = { validation: await pytorch!.validate(variant) };
  const counts = await countCase(context, step);
  const timed = await alternate(context, pytorch, step, seconds, theirs);
  if (!timed) return { validation: { ...validation, valid: false } };
  const perBatch = timed.ms.median * step.batch;
  return {
    validation,
    ...timed,
    counts,
    gflops: counts.mflop / perBatch,
    busy: counts.adapterMs === null ? null : counts.adapterMs / perBatch,
    ...(pytorch && { pytorch: theirs }),
  };
}

/** The rounds. Adds to `theirs`; undefined when a unit of ours did not end well. */
async function alternate(
  context: AscendContext,
  pytorch: PyTorch | undefined,
  step: StepCase,
  seconds: number,
  theirs: Partial<Record<Variant, Theirs>>,
): Promise<{ ms: Summary; liveBytes: number } | undefined> {
  const samples: number[][] = [];
  const theirSamples = new Map<Variant, number[][]>();
  let perStep = await estimate(context, step);
  let liveBytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const timed = await timeCase(context, step, perStep, seconds / ROUNDS);
    if (!timed.ok) return undefined;
    samples.push(timed.samples);
    perStep = step.batch * median(timed.samples);
    liveBytes = Math.max(liveBytes, timed.liveBytes);
    for (const variant of VARIANTS) {
      if (!theirs[variant]?.validation.valid) continue;
      const { samples: found, ...facts } = await pytorch!.time(variant, seconds / ROUNDS);
      theirSamples.set(variant, [...(theirSamples.get(variant) ?? []), found]);
      Object.assign(theirs[variant], facts);
    }
  }
  for (const [variant, found] of theirSamples) Object.assign(theirs[variant]!, compare(samples, found));
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
  const theirs = Object.entries(row.pytorch ?? {}).map(([variant, { ms: found, ratio, validation: v }]) =>
    found
      ? `${variant} ${found.median.toFixed(1)} (${ratio!.toFixed(2)}x)`
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
