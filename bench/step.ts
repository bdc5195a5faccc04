// The engine's time for one optimisation step, per image: the product's own ascend(), transforms and all, in its
// steady state. A sample is one submit, as the progress of ascend() reports it; the first few, while the number of
// steps per submit still grows, are warm-up. Counts and the adapter's own time come from one program profiled apart.

import { submit } from '../src/engine/plan.ts';
import { profile } from '../src/engine/profiler.ts';
import { streamOf } from '../src/engine/random.ts';
import { deal, teamOf } from '../src/engine/team.ts';
import type { AscendContext } from '../src/visualization/ascend.ts';
import {
  createSpectrumTables,
  destroySpectrumTables,
  initialSpectrum,
} from '../src/visualization/parametrization.ts';
import {
  compilePrograms,
  createState,
  destroyState,
  fillTables,
  layoutsOf,
  programOf,
  SLOTS,
} from '../src/visualization/program.ts';
import { ascendTogether } from '../src/visualization/together.ts';
import { drawTransforms, networkFrame } from '../src/visualization/transforms.ts';
import { median } from './samples.ts';
import { type StepCase, settingsOf, targetsOf } from './stepCase.ts';

/** Fewest samples of a timing. */
const SAMPLES = 5;
/** Submits of a device after which its steps per submit have settled: 1, 4, 16, 64. */
const WARM_SUBMITS = 4;
/** Steps that are profiled. */
const PROFILED = 5;

export interface Timed {
  /** ms per image and step, one per two submits of each device */
  samples: number[];
  /** every unit ended as one that can be used */
  ok: boolean;
  /** most bytes on the GPU while it ran, weights included */
  liveBytes: number;
}

/** Submits of a device that make a sample, so that all devices have a part in it. */
const SUBMITS = 2;

/** How many devices share the case. */
const devicesOf = ({ gpu }: AscendContext, { batch }: StepCase): number => Math.min(gpu.cores, batch);

/** Ascends for `steps` steps and takes the time between reports of progress. */
async function timeSteps(context: AscendContext, step: StepCase, steps: number): Promise<Timed> {
  const samples: number[] = [];
  const devices = devicesOf(context, step);
  let [submits, done, last, liveBytes] = [0, 0, performance.now(), 0];
  const onProgress = (now: number) => {
    const time = performance.now();
    submits++;
    liveBytes = Math.max(liveBytes, context.gpu.liveBytes);
    const since = submits - WARM_SUBMITS * devices;
    if (since > 0 && since % (SUBMITS * devices) > 0) return;
    // the last submit has nothing behind it that would keep the adapter busy meanwhile
    if (since > 0 && now < steps) samples.push((time - last) / (now - done) / step.batch);
    [done, last] = [now, time];
  };
  const settings = { ...settingsOf(step), steps };
  const results = await ascendTogether({ ...context, onProgress }, step.tap.place, targetsOf(step), settings);
  return { samples, ok: results.every(({ status }) => status === 'ok'), liveBytes };
}

/** ms per step, from short runs that also warm everything up. */
export async function estimate(context: AscendContext, step: StepCase): Promise<number> {
  let steps = 8;
  for (;;) {
    let [start, end] = [0, 0];
    const onProgress = (done: number) => {
      end = performance.now();
      if (done === 1) start = end;
    };
    const settings = { ...settingsOf(step), steps };
    await ascendTogether({ ...context, onProgress }, step.tap.place, targetsOf(step), settings);
    const perStep = (end - start) / (steps - 1);
    if (end - start > 300 || steps > 2000) return perStep;
    steps = Math.ceil(Math.min(10 * steps, 500 / perStep));
  }
}

/** Times about `seconds` of the steady state, and at least a few samples of it. `perStep` ms is an estimate. */
export async function timeCase(
  context: AscendContext,
  step: StepCase,
  perStep: number,
  seconds: number,
): Promise<Timed> {
  const samples = SUBMITS * (SAMPLES + 1) + WARM_SUBMITS;
  const submitSteps = Math.min(SLOTS, Math.max(1, Math.floor(250 / perStep)));
  const warm = 1 + 4 + 16 + submitSteps;
  const steps = Math.max(samples * submitSteps, Math.ceil((1000 * seconds) / perStep)) + Math.min(warm, 85);
  return timeSteps(context, step, steps);
}

export interface Counts {
  /** of each device */
  dispatches: number;
  /** of one step of the batch */
  mflop: number;
  /** bytes of a device's own buffers for its plan */
  planBytes: number;
  /** the adapter's time for a device's step in ms, by its timestamps; each dispatch a pass of its own, which costs */
  adapterMs: number | null;
}

/**
 * Compiles one program of the case, counts it, and profiles it where the adapter has timestamps. Where devices share the
 * batch it is the program of the one with the largest share, alone.
 */
export async function countCase(context: AscendContext, whole: StepCase): Promise<Counts> {
  const { network } = context;
  const team = await teamOf(context.gpu, whole.batch);
  const [gpu] = team;
  const parameters = context.parameters.on(gpu);
  const channels = deal(whole.channels, team.length).at(-1)!;
  const step = { ...whole, channels, batch: channels.length };
  const settings = { ...settingsOf(step), steps: 1 };
  const targets = targetsOf(step);
  const layouts = layoutsOf(network, step.tap.place, settings);
  const tables = createSpectrumTables(gpu, settings.size);
  const spectra = targets.map(({ seed, name }) => initialSpectrum(seed, streamOf(name), settings.size));
  const all = Float32Array.from({ length: spectra.length * spectra[0].length }, (_, i) => {
    return spectra[Math.floor(i / spectra[0].length)][i % spectra[0].length];
  });
  const state = createState(gpu, targets, tables, all);
  const programs = await compilePrograms(gpu, step.tap.place, layouts, parameters, state, tables, settings);
  try {
    const { program, layout } = programOf(programs, settings.size);
    const { plan, transforms } = program;
    const draws = Array.from({ length: PROFILED + 1 }, (_, i) =>
      targets.map(({ name }) => {
        const all = Array.from({ length: 64 }, (_, j) =>
          drawTransforms(settings.transforms, 0, streamOf(name), 64 * i + j),
        );
        const draw = all.find((d) => networkFrame(settings.transforms, settings.size, d) === settings.size)!;
        return { draw, transforms, start: layout.windows.get('input')!.start };
      }),
    );
    fillTables(gpu, state, 0, draws, settings.learningRate);
    submit(gpu, [plan]);
    const totals: number[] = [];
    for (let i = 0; i < PROFILED && gpu.device.features.has('timestamp-query'); i++)
      totals.push((await profile(gpu, plan)).reduce((sum, { milliseconds }) => sum + milliseconds, 0));
    return {
      dispatches: plan.dispatches.length,
      mflop: ((plan.flops / 1e6) * whole.batch) / step.batch,
      planBytes: plan.bytes,
      adapterMs: totals.length > 0 ? median(totals) : null,
    };
  } finally {
    for (const { plan } of programs.programs.values()) plan.destroy();
    destroyState(gpu, state);
    destroySpectrumTables(gpu, tables);
  }
}
