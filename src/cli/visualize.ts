// streamscope visualize: the images that most excite chosen units. Finished units are kept; the same command again
// does only what is missing.

import { StreamscopeError } from '../error.ts';
import { requireTensors } from '../model/parameters.ts';
import { parseUnits, type Unit, unitName } from '../model/taps.ts';
import type { ObjectiveKind } from '../visualization/ascend.ts';
import { type CampaignSettings, visualizeUnits } from '../visualization/campaign.ts';
import { studyJitter } from '../visualization/jitter.ts';
import { ANGLES, SCALES } from '../visualization/transforms.ts';
import { ensureFolder } from './files.ts';
import { type OpenWeights, openWeights, withGpu } from './model.ts';
import { formatDuration, Progress, type ProgressStyle } from './progress.ts';
import { finishedUnit, pathsOf, type UnitSettings, writeUnit } from './runFolder.ts';
import { version } from './version.ts';

export interface VisualizeOptions {
  weights: string;
  units: string;
  out: string;
  objective: ObjectiveKind;
  steps: number;
  seed: number;
  jitter?: number;
  learningRate: number;
  size: number;
  retries: number;
  batch: number;
  overwrite?: boolean;
  json?: boolean;
  progress: ProgressStyle;
}

/** What one unit came to, for the caller and for stdout. */
export interface Visualized {
  unit: string;
  status: string;
  activation?: number;
  png?: string;
}

/** Throws when a unit's tap is unknown or not in the file, the folder cannot be written, or the device fails. */
export async function visualize(options: VisualizeOptions, signal: AbortSignal): Promise<Visualized[]> {
  const opened = await openWeights(options.weights);
  const { network, weights, path } = opened;
  const units = parseUnits(network, options.units);
  requireTensors(network, weights, [...new Set(units.map(({ tap }) => tap.place))], path);
  await ensureFolder(options.out);

  const results = new Map<Unit, Visualized>();
  const waiting: Unit[] = [];
  for (const unit of units) {
    const paths = pathsOf(options.out, network.name, unit, options.objective);
    const record = options.overwrite
      ? undefined
      : await finishedUnit(paths, unit, settingsOf(options, opened, unit));
    if (record) {
      results.set(unit, {
        unit: unitName(unit),
        status: record.status,
        activation: record.activation,
        png: record.status === 'ok' ? paths.png : undefined,
      });
    } else waiting.push(unit);
  }
  if (results.size > 0) console.error(`${results.size} of ${units.length} units are already done.`);
  if (waiting.length > 0) await visualizeWaiting(options, opened, waiting, results, signal);
  const ordered = units.map((unit) => results.get(unit)!);
  for (const result of ordered) print(result, options.json);
  return ordered;
}

async function visualizeWaiting(
  options: VisualizeOptions,
  opened: OpenWeights,
  waiting: readonly Unit[],
  results: Map<Unit, Visualized>,
  signal: AbortSignal,
): Promise<void> {
  const { network, weights } = opened;
  const progress = new Progress(waiting.length, waiting.length * options.steps, options.progress);
  const started = performance.now();
  const campaign: CampaignSettings = options;
  try {
    await withGpu(weights, async (gpu, parameters) => {
      const onProgress = (done: number) => progress.steps(done);
      await visualizeUnits(
        { gpu, network, parameters, signal, onProgress },
        waiting,
        campaign,
        async (result) => {
          const { unit, status, activation } = result;
          const paths = pathsOf(options.out, network.name, unit, options.objective);
          await writeUnit(paths, result, settingsOf(options, opened, unit), gpu.adapter, version);
          results.set(unit, {
            unit: unitName(unit),
            status,
            activation,
            png: status === 'ok' ? paths.png : undefined,
          });
          progress.unit();
        },
      );
      console.error(
        `${waiting.length} units of ${options.steps} steps in ${formatDuration((performance.now() - started) / 1000)} on ${gpu.adapter}`,
      );
    });
  } finally {
    progress.stop();
  }
}

function settingsOf(
  options: VisualizeOptions,
  { network, sha256 }: OpenWeights,
  { tap }: Unit,
): UnitSettings {
  const { objective, steps, learningRate, size, seed, retries } = options;
  const jitter = options.jitter ?? studyJitter(tap);
  return {
    network: network.name,
    weightsSha256: sha256,
    objective,
    steps,
    learningRate,
    size,
    seed,
    retries,
    jitter,
    scales: SCALES,
    angles: ANGLES,
  };
}

function print(result: Visualized, json: boolean | undefined): void {
  const { unit, status, activation, png } = result;
  if (json) console.log(JSON.stringify(result));
  else if (status === 'ok') console.log(`${unit}  activation ${activation!.toFixed(3)}  ${png}`);
  else console.log(`${unit}  ${status}: no image. Every seed that was tried ended so; --retries tries more.`);
}

/** Reads a whole number of at least `least` from the command line. */
export function wholeNumber(name: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new StreamscopeError(
        'usage',
        `${name} is "${text}", expected a whole number of at least ${least}.`,
      );
    }
    return value;
  };
}
