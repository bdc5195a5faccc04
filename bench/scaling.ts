// npm run bench -- scaling: what a step costs against how much of it there is. More units at one tap, deeper taps at one
// batch: time should be a straight line in units and in FLOP, memory a straight line in units. Every point is checked
// against float64 before it is timed, and the lines' residuals are reported, not only drawn.

import { writeAtomically } from '../src/cli/files.ts';
import { openWeights, withGpu } from '../src/cli/model.ts';
import { StreamscopeError } from '../src/error.ts';
import { missingTensors } from '../src/model/parameters.ts';
import { findTap } from '../src/model/taps.ts';
import type { AscendContext } from '../src/visualization/ascend.ts';
import { studyJitter } from '../src/visualization/jitter.ts';
import { adapterOf } from './adapter.ts';
import document from './cases.json';
import { announce, failIf, finish, say, surroundings } from './document.ts';
import { fitLine, type Line } from './fit.ts';
import { type Summary, summarize } from './samples.ts';
import { scalingChart } from './scalingChart.ts';
import { countCase, estimate, timeCase } from './step.ts';
import { channelsFrom, type StepCase } from './stepCase.ts';
import { referenceOf, type Validation, validate } from './validation.ts';

const defaults = document.scaling;

export interface Point {
  tap: string;
  units: number;
  validation: Validation;
  /** of one step of all units */
  ms?: Summary;
  mflop?: number;
  dispatches?: number;
  /** most bytes in buffers, weights included */
  liveBytes?: number;
}

export interface Lines {
  /** ms against units, at one tap */
  msByUnits?: Line;
  /** MiB against units */
  memoryByUnits?: Line;
  /** ms against GFLOP, over taps at one batch */
  msByWork?: Line;
}

export interface ScalingDocument {
  units: Point[];
  taps: Point[];
  lines: Lines;
}

interface ScalingCommand {
  weights: string;
  units?: number[];
  taps: string[];
  seconds: number;
  chart?: string;
  out?: string;
}

async function measurePoint(context: AscendContext, step: StepCase, seconds: number): Promise<Point> {
  const validation = await validate(context, step, referenceOf(context, step));
  const point: Point = { tap: step.tap.name, units: step.batch, validation };
  if (!validation.valid) return point;
  const { samples, ok, liveBytes } = await timeCase(context, step, await estimate(context, step), seconds);
  if (!ok) return point;
  const { mflop, dispatches } = await countCase(context, step);
  const ms = summarize(samples.map((perImage) => perImage * step.batch));
  return { ...point, ms, mflop, dispatches, liveBytes };
}

function caseOf(context: AscendContext, name: string, batch: number): StepCase {
  const tap = findTap(context.network, name);
  const lacking = missingTensors(context.network, context.parameters.weights, tap.place, 'the weights');
  if (lacking.length > 0)
    throw new StreamscopeError(
      'badInput',
      `The weights do not reach ${name}.`,
      'Choose others: --taps 1.1.O,2.0.O.',
    );
  return { tap, jitter: studyJitter(tap), batch, channels: channelsFrom(0, batch, tap) };
}

/** Lines through the points that have times, where there are enough of them. */
export function linesOf(units: readonly Point[], taps: readonly Point[]): Lines {
  const through = (points: readonly Point[], x: (p: Point) => number, y: (p: Point) => number) => {
    const timed = points.filter(({ ms }) => ms);
    return timed.length < 3 ? undefined : fitLine(timed.map((p) => [x(p), y(p)]));
  };
  return {
    msByUnits: through(
      units,
      (p) => p.units,
      (p) => p.ms!.median,
    ),
    memoryByUnits: through(
      units,
      (p) => p.units,
      (p) => p.liveBytes! / 2 ** 20,
    ),
    msByWork: through(
      taps,
      (p) => p.mflop! / 1000,
      (p) => p.ms!.median,
    ),
  };
}

export async function scalingCommand(options: ScalingCommand, root: string): Promise<void> {
  const { weights: path, units = defaults.units, seconds, chart, out } = options;
  const names = options.taps.length > 0 ? options.taps : defaults.taps;
  const { weights, network } = await openWeights(path);
  await withGpu({ network, weights }, async (gpu, parameters) => {
    const context = { gpu, network, parameters };
    const cases = {
      units: units.map((count) => caseOf(context, defaults.tap, count)),
      taps: names.map((name) => caseOf(context, name, defaults.batch)),
    };
    announce(adapterOf(gpu));
    const started = {
      kind: 'scaling',
      date: new Date().toISOString(),
      ...surroundings(adapterOf(gpu), root),
    };
    say(SCALING_HEADER);
    const points: Record<keyof typeof cases, Point[]> = { units: [], taps: [] };
    for (const axis of ['units', 'taps'] as const)
      for (const step of cases[axis]) {
        points[axis].push(await measurePoint(context, step, seconds));
        say(scalingLine(points[axis].at(-1)!));
      }
    const lines = linesOf(points.units, points.taps);
    for (const [name, line] of Object.entries(lines)) if (line) say(lineLine(name, line));
    const result = { ...started, seconds, ...points, lines };
    if (chart) await writeAtomically(chart, await scalingChart(result));
    await finish(result, out);
    failIf(
      [...points.units, ...points.taps]
        .filter(({ ms }) => !ms)
        .map(({ tap, units: n }) => `${tap}, ${n} units`),
    );
  });
}

const SCALING_HEADER =
  'tap    units    ms/step         spread      MFLOP  GFLOP/s  ms/image  dispatches  live MiB';

function scalingLine({ tap, units, validation, ms, mflop, dispatches, liveBytes }: Point): string {
  const head = `${tap.padEnd(6)} ${String(units).padStart(5)}`;
  if (!ms) return `${head} DIFFERS ${JSON.stringify(validation)}`;
  return [
    head,
    ms.median.toFixed(2).padStart(10),
    `${ms.low.toFixed(1)}-${ms.high.toFixed(1)}`.padStart(14),
    mflop!.toFixed(0).padStart(10),
    (mflop! / ms.median).toFixed(1).padStart(8),
    (ms.median / units).toFixed(2).padStart(9),
    String(dispatches).padStart(11),
    (liveBytes! / 2 ** 20).toFixed(0).padStart(9),
  ].join(' ');
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

const lineLine = (name: string, { intercept, slope, residual, worst, r2 }: Line): string =>
  `${name}: ${intercept.toPrecision(3)} + ${slope.toPrecision(3)} x, residual ${percent(residual)} of the mean, worst point ${percent(worst)}, R² ${r2.toFixed(4)}`;
