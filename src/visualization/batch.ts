// How many units at once. A software adapter is busy with a few; a GPU wants many. Either way the buffers have to fit:
// each into what the adapter allows for one, and all together into a budget. Where memory runs out all the same, the
// batch is halved (campaign.ts).

import { bytesOf, type Gpu } from '../engine/device.ts';
import type { Plan } from '../engine/plan.ts';
import { TEXEL_LAYOUT } from '../engine/tensor.ts';
import { type AscendContext, type AscendSettings, firstSpectra } from './ascend.ts';
import { createSpectrumTables, destroySpectrumTables } from './parametrization.ts';
import { type AscentState, compilePrograms, createState, destroyState, layoutsOf } from './program.ts';

/** Bytes of GPU memory for the buffers of a batch. */
export const MEMORY_BUDGET = 2 ** 30;
/** More units at once would not go faster, and a stopped run would lose more of them. */
const MOST = { software: 8, core: 4, gpu: 32 };

/** Units at once for `place`: at least 1. Compiles a step of one unit to see what it needs. */
export async function suitableBatch(
  { gpu, network, parameters }: AscendContext,
  place: string,
  settings: AscendSettings,
  budget = Math.min(MEMORY_BUDGET, gpu.budget - gpu.liveBytes),
): Promise<number> {
  const target = { channel: 0, name: 'size', seed: 0 };
  const layouts = layoutsOf(network, place, settings);
  const tables = createSpectrumTables(gpu, settings.size);
  const before = gpu.liveBytes;
  let state: AscentState | undefined;
  try {
    state = createState(gpu, [target], tables, firstSpectra([target], settings.size));
    const stateBytes = gpu.liveBytes - before;
    const { programs } = await compilePrograms(gpu, place, layouts, parameters, state, tables, settings);
    const plans = [...programs.values()].map(({ plan }) => plan);
    const unitBytes = stateBytes + plans.reduce((sum, plan) => sum + plan.bytes, 0);
    const fitting = Math.min(...plans.map((plan) => largestBatch(gpu, plan)));
    for (const plan of plans) plan.destroy();
    const most = gpu.isSoftware ? Math.max(MOST.software, MOST.core * gpu.cores) : MOST.gpu;
    return Math.max(1, Math.min(most, fitting, Math.floor(budget / unitBytes)));
  } finally {
    if (state) destroyState(gpu, state);
    destroySpectrumTables(gpu, tables);
  }
}

/** How often the largest buffer and texture of one unit fit into the adapter's limits. */
function largestBatch(gpu: Gpu, { buffers, textures }: Plan): number {
  const { maxStorageBufferBindingSize, maxBufferSize, maxTextureDimension2D } = gpu.device.limits;
  const buffer = Math.max(...buffers.map(({ size }) => size));
  const texture = Math.max(TEXEL_LAYOUT.bytesPerRow, ...textures.map(bytesOf));
  return Math.floor(
    Math.min(
      Math.min(maxStorageBufferBindingSize, maxBufferSize) / buffer,
      (maxTextureDimension2D * TEXEL_LAYOUT.bytesPerRow) / texture,
    ),
  );
}
