// Gradient ascent: the images that most excite a batch of units at one place of the network. Adam moves the
// spectra uphill and the last iterate is the result (see program.ts for what one step computes).
//
// The CPU draws the transforms of the next steps into tables, submits these steps, and only then looks at the
// trace of the steps before: the GPU never waits for it. A unit's numbers depend on its own name, seed and
// settings, not on its batch.

import { debugLevel } from '#gpu';
import type { Gpu } from '../engine/device.ts';
import { submit } from '../engine/plan.ts';
import { formatTimings, profile } from '../engine/profiler.ts';
import { streamOf } from '../engine/random.ts';
import { read } from '../engine/tensor.ts';
import type { Network } from '../model/network.ts';
import type { Parameters } from '../model/parameters.ts';
import { layoutKey } from '../model/receptiveField.ts';
import {
  createSpectrumTables,
  destroySpectrumTables,
  initialSpectrum,
  layoutOfSpectra,
  renderImages,
} from './parametrization.ts';
import {
  type AscentState,
  compilePrograms,
  createState,
  destroyState,
  fillTables,
  layoutsOf,
  type Programs,
  programOf,
  SLOTS,
} from './program.ts';
import { drawTransforms, networkFrame, type TransformSettings } from './transforms.ts';

export type ObjectiveKind = 'center' | 'channel';

export interface AscendSettings {
  objective: ObjectiveKind;
  steps: number;
  learningRate: number;
  /** rows and columns of the image */
  size: number;
  transforms: TransformSettings;
}

/** One image to be made: a channel, the name its random numbers come from, and a seed. */
export interface Target {
  channel: number;
  name: string;
  seed: number;
  /** where to start, [3,size,F,2]; drawn from name and seed when absent */
  spectrum?: Float32Array;
}

/** dead: the gradient was exactly zero for good; diverged: a value was not finite. Neither has a usable image. */
export type Status = 'ok' | 'dead' | 'diverged';

export interface Ascent {
  status: Status;
  /** [3,size,size] in (0,1) */
  image: Float32Array;
  /** the objective before each step, under that step's transforms */
  objective: Float32Array;
  /** norm of the gradient by the spectrum at each step */
  gradientNorm: Float32Array;
  /** where the ascent ended: the spectrum and Adam's moments, [3,size,F,2] each */
  spectrum: Float32Array;
  firstMoment: Float32Array;
  secondMoment: Float32Array;
}

export interface AscendContext {
  gpu: Gpu;
  network: Network;
  parameters: Parameters;
  onProgress?: (stepsDone: number, steps: number) => void;
  /** before the kernels of a place run for the first time, which is when drivers compile them */
  onCompile?: (place: string) => void;
  signal?: AbortSignal;
  watcher?: Watcher;
}

/** Someone who looks on: at the start, and then between submits, each of which waits for them. Changes no number. */
export interface Watcher {
  /** most steps until the next look; read anew each time */
  readonly steps: number;
  look(glance: Glance): Promise<void>;
}

/** What can be seen of the targets of a batch between two steps. */
export interface Glance {
  stepsDone: number;
  /** per target, of the steps so far */
  histories: readonly Readonly<History>[];
  /** the images as they are now */
  render(): Promise<Float32Array[]>;
}

/** How long one submit should take, in ms: short enough to report progress and to stop. */
const SUBMIT_MS = 250;
/** A unit whose gradient was zero in this many steps on end will not move again. */
const DEAD_STEPS = 16;

/**
 * Ascends all targets at `place` for `settings.steps` steps, or until no unit is alive.
 * Throws when the device fails or the signal aborts; a dead or diverged unit is reported by its status.
 */
export async function ascend(
  context: AscendContext,
  place: string,
  targets: readonly Target[],
  settings: AscendSettings,
): Promise<Ascent[]> {
  const { gpu, network, parameters } = context;
  const layouts = layoutsOf(network, place, settings);
  const kernels = new Set([...layouts.values()].map(layoutKey)).size;
  if (kernels > 1 && targets.length > 1) {
    // units that draw different sizes cannot share a dispatch here: one after the other
    const ascents: Ascent[] = [];
    for (const target of targets) ascents.push(...(await ascend(context, place, [target], settings)));
    return ascents;
  }
  const tables = createSpectrumTables(gpu, settings.size);
  let state: AscentState | undefined;
  let programs: Programs | undefined;
  const sampleOf = async (values: Promise<Float32Array>) => split(await values, targets.length);
  try {
    state = createState(gpu, targets, tables, firstSpectra(targets, settings.size));
    const { spectrum, moments } = state;
    const render = () => sampleOf(renderImages(gpu, spectrum, tables));
    await context.watcher?.look({ stepsDone: 0, histories: emptyHistories(targets), render });
    programs = await compilePrograms(gpu, place, layouts, parameters, state, tables, settings);
    const histories = await climb(context, programs, state, targets, settings, render);
    const images = await render();
    const { load } = layoutOfSpectra(tables);
    const [spectra, first, second] = await Promise.all(
      [spectrum, ...moments].map((stored) => sampleOf(read(gpu, stored).then(load))),
    );
    if (debugLevel >= 2) await printProfiles(gpu, programs);
    return histories.map((history, n) => ({
      status: images[n].every(Number.isFinite) ? statusOf(history, settings.steps) : 'diverged',
      image: images[n],
      objective: Float32Array.from(history.objective),
      gradientNorm: Float32Array.from(history.gradientNorm),
      spectrum: spectra[n],
      firstMoment: first[n],
      secondMoment: second[n],
    }));
  } finally {
    for (const { plan } of programs?.programs.values() ?? []) plan.destroy();
    if (state) destroyState(gpu, state);
    destroySpectrumTables(gpu, tables);
  }
}

/** DEBUG=2: further steps of every program, dispatch by dispatch. Runs last, because a step changes the state. */
async function printProfiles(gpu: Gpu, { programs }: Programs): Promise<void> {
  for (const { plan } of programs.values()) {
    await profile(gpu, plan); // the first run of a plan is slower
    console.error(formatTimings(await profile(gpu, plan)));
  }
}

/** The spectra that the targets start from, one after the other. */
export function firstSpectra(targets: readonly Target[], size: number): Float32Array {
  const spectra = targets.map(
    ({ spectrum, seed, name }) => spectrum ?? initialSpectrum(seed, streamOf(name), size),
  );
  const all = new Float32Array(spectra.length * spectra[0].length);
  spectra.forEach((spectrum, n) => {
    all.set(spectrum, n * spectrum.length);
  });
  return all;
}

/** What happened to one unit so far: a number per step. */
export interface History {
  objective: number[];
  gradientNorm: number[];
}

const emptyHistories = (targets: readonly Target[]): History[] =>
  targets.map(() => ({ objective: [], gradientNorm: [] }));

/** Runs the steps: while the GPU works on one submit, the trace of the one before is read and the next is prepared. */
async function climb(
  { gpu, onProgress, signal, watcher }: AscendContext,
  programs: Programs,
  state: AscentState,
  targets: readonly Target[],
  settings: AscendSettings,
  render: Glance['render'],
): Promise<History[]> {
  const histories = emptyHistories(targets);
  let [submitted, batch, last] = [0, 1, performance.now()];
  let pending: { count: number; values: Promise<Float32Array> } | undefined;
  const settle = async () => {
    if (!pending) return;
    const { count, values } = pending;
    pending = undefined;
    append(histories, await values, count);
    const now = performance.now();
    batch = Math.max(1, Math.min(SLOTS, 4 * batch, Math.floor((count * SUBMIT_MS) / (now - last))));
    last = now;
    onProgress?.(histories[0].objective.length, settings.steps);
  };
  while (
    submitted < settings.steps &&
    histories.some((history) => statusOf(history, settings.steps) === 'ok')
  ) {
    signal?.throwIfAborted();
    const count = Math.min(batch, settings.steps - submitted, watcher?.steps ?? SLOTS);
    submitSteps(gpu, programs, state, targets, settings, submitted, count);
    submitted += count;
    const values = read(gpu, state.trace);
    values.catch(() => {}); // thrown where it is awaited, unless something else throws before
    await settle();
    pending = { count, values };
    if (watcher) {
      await settle();
      await watcher.look({ stepsDone: submitted, histories, render });
      last = performance.now();
    }
  }
  await settle();
  return histories;
}

/** Draws steps first .. first+count-1 for every unit, fills the tables and submits the plans. */
function submitSteps(
  gpu: Gpu,
  programs: Programs,
  state: AscentState,
  targets: readonly Target[],
  { transforms, size, learningRate }: AscendSettings,
  first: number,
  count: number,
): void {
  const steps = Array.from({ length: count }, (_, i) =>
    targets.map(({ seed, name }) => {
      const draw = drawTransforms(transforms, seed, streamOf(name), first + i);
      const { program, layout } = programOf(programs, networkFrame(transforms, size, draw));
      return {
        draw,
        plan: program.plan,
        transforms: program.transforms,
        start: layout.windows.get('input')!.start,
      };
    }),
  );
  fillTables(gpu, state, first, steps, learningRate);
  submit(
    gpu,
    steps.map(([{ plan }]) => plan),
  );
}

/** Adds the trace of `count` steps, [count,N,2]. */
function append(histories: readonly History[], trace: Float32Array, count: number): void {
  histories.forEach(({ objective, gradientNorm }, n) => {
    for (let step = 0; step < count; step++) {
      const at = 2 * (step * histories.length + n);
      objective.push(trace[at]);
      gradientNorm.push(trace[at + 1]);
    }
  });
}

function statusOf({ objective, gradientNorm }: History, steps: number): Status {
  const recent = gradientNorm.slice(-DEAD_STEPS);
  if (!objective.slice(-SLOTS).every(Number.isFinite) || !gradientNorm.slice(-SLOTS).every(Number.isFinite))
    return 'diverged';
  return recent.length === Math.min(DEAD_STEPS, steps) && recent.every((norm) => norm === 0) ? 'dead' : 'ok';
}

/** The samples of a batch. */
function split(values: Float32Array, samples: number): Float32Array[] {
  const length = values.length / samples;
  return Array.from({ length: samples }, (_, n) => values.slice(n * length, (n + 1) * length));
}
