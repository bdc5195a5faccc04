// One step of the ascent as GPU work: what is recorded, and the tables that the CPU fills for the steps ahead.
//
//   spectrum -> image -> transforms -> normalise -> network -> objective, and back; Adam; trace; clock
//
// Draws differ in where windows lie, which the tables say, and sometimes in the kernels that are needed: without
// jitter the network's input has another size for every scale. There is a program for each set of kernels; a
// centre unit's receptive field is the same for all sizes unless it touches the border, so it needs just one.

import type { Gpu } from '../engine/device.ts';
import { Plan } from '../engine/plan.ts';
import { gradientOf, Tape } from '../engine/tape.ts';
import { createTogether, destroy, type Tensor, write } from '../engine/tensor.ts';
import type { Warp } from '../kernels/imageReference.ts';
import { objective } from '../kernels/objective.ts';
import { adamRates, advance } from '../kernels/update.ts';
import { WARP_FIELDS } from '../kernels/warp.ts';
import type { Network } from '../model/network.ts';
import type { Parameters } from '../model/parameters.ts';
import { centreOf, framesOf, type Layout, layoutKey, layoutOf, rowsOf } from '../model/receptiveField.ts';
import { recordResnet } from '../model/resnet.ts';
import type { AscendSettings, Target } from './ascend.ts';
import {
  layoutOfSpectra,
  recordAscent,
  recordFold,
  recordWindow,
  type SpectrumTables,
} from './parametrization.ts';
import {
  type Draw,
  networkFrames,
  placeTransforms,
  planTransforms,
  recordTransforms,
  type Stage,
  type TransformPlan,
} from './transforms.ts';

/** Most steps the tables and the trace hold. */
export const SLOTS = 64;

const STAGES: readonly Stage['kind'][] = ['first', 'scale', 'rotate', 'second'];

/** What the steps of a batch share: the spectra, Adam's moments, and the tables by step. */
export interface AscentState {
  spectrum: Tensor;
  moments: readonly [Tensor, Tensor];
  channels: Tensor;
  /** the gradient of the objective by itself */
  ones: Tensor;
  clock: Tensor;
  rates: Tensor;
  origins: Tensor;
  placements: Tensor;
  maps: Record<Stage['kind'], Tensor>;
  /** [SLOTS,N,2]: objective and norm of the gradient */
  trace: Tensor;
}

/** `spectra` [N,3,size,F,2]; how they are stored follows from the tables. */
export function createState(
  gpu: Gpu,
  targets: readonly Target[],
  tables: SpectrumTables,
  spectra: Float32Array,
): AscentState {
  const N = targets.length;
  const layout = layoutOfSpectra(tables);
  const shape = layout.shape(N);
  return createTogether(gpu, (create) => {
    const table = (label: string, columns: number, type: 'f32' | 'u32' | 'i32' = 'f32') =>
      create(label, [SLOTS, N, columns], { type });
    const maps = () => table('maps', WARP_FIELDS.length);
    return {
      spectrum: create('spectrum', shape, { data: layout.store(spectra) }),
      moments: [create('first moment', shape), create('second moment', shape)],
      channels: create('channels', [N], { type: 'u32', data: targets.map(({ channel }) => channel) }),
      ones: create('ones', [N], { data: targets.map(() => 1) }),
      clock: create('clock', [1], { type: 'u32' }),
      rates: create('rates', [SLOTS, 2]),
      origins: table('origins', 2, 'u32'),
      placements: table('placements', 4, 'i32'),
      maps: { pad: table('unused', 1), first: maps(), scale: maps(), rotate: maps(), second: maps() },
      trace: table('trace', 2),
    };
  });
}

export function destroyState(gpu: Gpu, { moments, maps, ...tensors }: AscentState): void {
  destroy(gpu, ...moments, ...Object.values(maps), ...Object.values(tensors));
}

export interface Program {
  transforms: TransformPlan;
  plan: Plan;
}

/** A layout for every size of the network's input, and the programs they need. */
export interface Programs {
  layouts: ReadonlyMap<number, Layout>;
  /** by layoutKey */
  programs: ReadonlyMap<string, Program>;
}

/** Layouts of one place for every input size that the transforms can produce. */
export function layoutsOf(network: Network, place: string, settings: AscendSettings): Map<number, Layout> {
  const region = settings.objective === 'center' ? 'centre' : 'all';
  const frames = networkFrames(settings.transforms, settings.size);
  return new Map(frames.map((frame) => [frame, layoutOf(network, frame, [{ place, region }])]));
}

export async function compilePrograms(
  gpu: Gpu,
  place: string,
  layouts: ReadonlyMap<number, Layout>,
  parameters: Parameters,
  state: AscentState,
  tables: SpectrumTables,
  settings: AscendSettings,
): Promise<Programs> {
  const programs = new Map<string, Program>();
  try {
    for (const layout of layouts.values()) {
      const key = layoutKey(layout);
      if (programs.has(key)) continue;
      const transforms = planTransforms(settings.transforms, settings.size, rowsOf(layout, 'input'));
      const tape = recordStep(place, layout, transforms, parameters, state, tables, settings);
      programs.set(key, { transforms, plan: await Plan.compile(gpu, tape) });
    }
    return { layouts, programs };
  } catch (error) {
    for (const { plan } of programs.values()) plan.destroy();
    throw error;
  }
}

function recordStep(
  place: string,
  layout: Layout,
  transforms: TransformPlan,
  parameters: Parameters,
  state: AscentState,
  tables: SpectrumTables,
  settings: AscendSettings,
): Tape {
  const { spectrum, channels, ones, clock, origins, trace } = state;
  const tape = new Tape();
  const window = { rows: transforms.rows, origins, clock };
  const folded = recordFold(tape, spectrum, tables, window);
  folded.differentiable = true; // the gradient goes no further: the step's last kernel takes it from here
  const image = recordWindow(tape, folded, tables, window);
  const moved = recordTransforms(tape, image, transforms, state, true);
  const places = recordResnet(tape, layout, parameters, moved);

  const frame = framesOf(layout.network, layout.frame).get(place)!;
  const start = layout.windows.get(place)!.start;
  const [first, rows] = settings.objective === 'center' ? [centreOf(frame).start - start, 1] : [0, frame];
  const value = tape.apply(
    objective,
    { x: places.get(place)!, channels },
    { region: [first, first, rows, rows] },
  );

  const g = gradientOf(tape.backward(value, ones), folded);
  recordAscent(tape, state, g, tables, window, { objective: value, trace });
  tape.update(advance(), { clock });
  return tape;
}

/** Which program and layout a draw needs. */
export function programOf(
  { layouts, programs }: Programs,
  frame: number,
): { program: Program; layout: Layout } {
  const layout = layouts.get(frame)!;
  return { layout, program: programs.get(layoutKey(layout))! };
}

/** Writes the tables for the steps `first`, `first + 1`, ... of which draws[step][n] is what unit n draws; clock = 0. */
export function fillTables(
  gpu: Gpu,
  state: AscentState,
  first: number,
  draws: readonly (readonly { draw: Draw; transforms: TransformPlan; start: number }[])[],
  learningRate: number,
): void {
  const placed = draws.flat().map(({ transforms, draw, start }) => placeTransforms(transforms, draw, start));
  write(gpu, state.clock, [0]);
  write(
    gpu,
    state.rates,
    draws.flatMap((_, i) => adamRates(learningRate, first + i + 1)),
  );
  write(
    gpu,
    state.origins,
    placed.flatMap(({ origin }) => origin),
  );
  write(
    gpu,
    state.placements,
    placed.flatMap(({ pad }) => pad),
  );
  for (const kind of STAGES) {
    const rows = placed.flatMap(({ maps }) => (maps[kind] ? fieldsOf(maps[kind]) : []));
    if (rows.length > 0) write(gpu, state.maps[kind], rows);
  }
}

const fieldsOf = (map: Warp): number[] => WARP_FIELDS.map((field) => map[field]);
