// The responses of a block, from the images of a run folder and the photographs that were collected, written to
// RUN/measurements/<block>. Images are read as they are wanted: memory does not grow with their number.

import { join } from 'node:path';
import { PNG } from 'pngjs';
import { measureBlock } from '../analysis/measureBlock.ts';
import { ROLES, type Role } from '../analysis/measurements.ts';
import type { CollectedBlock } from '../analysis/natural.ts';
import type { PlanDocument } from '../analysis/plan.ts';
import { placesOf, type Stimuli } from '../analysis/responses.ts';
import { StreamscopeError } from '../error.ts';
import type { Block, Network } from '../model/network.ts';
import { parseNpy } from '../model/npy.ts';
import { findTap } from '../model/taps.ts';
import { firstSeed, type ImageTask } from '../visualization/campaign.ts';
import { readCollected, readPlace } from './collected.ts';
import { readIfPresent } from './files.ts';
import { ImageProgress } from './imageProgress.ts';
import { writeMeasurements } from './measurementFiles.ts';
import { type OpenWeights, withGpu } from './model.ts';
import { preparedImage } from './photographs.ts';
import type { ProgressStyle } from './progress.ts';
import { type ImagePaths, pathsOf } from './runFolder.ts';

/** saved: the 8-bit pictures, as the study measures; float: the images they were rounded from */
export const PIXELS = ['saved', 'float'] as const;

export interface ResponsesOptions {
  out: string;
  /** folder of the photographs; absent: there are none */
  images?: string;
  pixels: (typeof PIXELS)[number];
  progress: ProgressStyle;
}

/** The images of a block that a plan has: whose answers make its metrics. */
export function stimuliOf(network: Network, block: Block, { seeds, display }: PlanDocument): ImageTask[] {
  return ROLES.flatMap((role) => {
    const tap = findTap(network, `${block.name}.${role}`);
    const channels = role === 'O' ? (display[block.name] ?? []) : Array(block.channels).keys();
    const indices = role === 'O' ? 1 : seeds;
    return Array.from(channels).flatMap((channel) =>
      Array.from({ length: indices }, (_, index) => ({
        unit: { tap, channel },
        objective: 'center' as const,
        index,
      })),
    );
  });
}

/** Measures and writes a block; returns its record, which names its arrays. Throws what measuring throws; io. */
export async function measureRunBlock(
  options: ResponsesOptions,
  opened: OpenWeights,
  block: Block,
  plan: PlanDocument,
  provenance: { command: string; settings: Record<string, unknown> },
  signal: AbortSignal,
): Promise<string> {
  const { network, weights } = opened;
  const { out, progress: style } = options;
  const { seed, size } = plan.settings;
  const seeds = Array.from({ length: plan.seeds }, (_, index) => ({
    seed: firstSeed(seed, index),
    images: imagesOf(options, network, block, plan, index),
  }));
  const collected = options.images ? await collectedBlock(out, options.images, network, block) : undefined;
  await withGpu(weights, async (gpu, parameters) => {
    let progress: ImageProgress | undefined;
    const onProgress = (done: number, total: number) => {
      if (done === 1) progress = new ImageProgress(`responses of ${block.name}`, total, style);
      progress?.show(done);
    };
    const context = { gpu, network, parameters };
    const sources = { size, seeds, collected };
    const measured = await measureBlock(context, weights, block, sources, { onProgress, signal });
    await writeMeasurements(out, measured, { ...provenance, adapter: gpu.adapter });
  });
  return join('measurements', block.name, 'block.json');
}

/** The images with number `index`, by role; of O only where the plan has any. */
function imagesOf(
  { out, pixels }: ResponsesOptions,
  network: Network,
  block: Block,
  plan: PlanDocument,
  index: number,
): Stimuli['images'] {
  const planned = stimuliOf(network, block, plan).filter((task) => task.index === index);
  const loader = (role: Role) => async (channel: number) => {
    const task = planned.find(({ unit }) => unit.tap.role === role && unit.channel === channel);
    return task && readImage(pathsOf(out, network.name, task), pixels);
  };
  const roles = ROLES.filter((role) => planned.some(({ unit }) => unit.tap.role === role));
  return Object.fromEntries(roles.map((role) => [role, loader(role)]));
}

/** Pixels (n,n,3) or floats [3,n,n]; undefined for a unit that has no image. */
async function readImage(
  { png, npy }: ImagePaths,
  pixels: ResponsesOptions['pixels'],
): Promise<Uint8Array | Float32Array | undefined> {
  const path = pixels === 'saved' ? png : npy;
  const bytes = await readIfPresent(path);
  if (!bytes) return undefined;
  if (pixels === 'float') return Float32Array.from(parseNpy(bytes).data, Number);
  const { data } = PNG.sync.read(Buffer.from(bytes));
  return Uint8Array.from({ length: (data.length / 4) * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]);
}

async function collectedBlock(
  run: string,
  folder: string,
  network: Network,
  block: Block,
): Promise<CollectedBlock> {
  const collected = await readCollected(run, network);
  if (!collected) throw new StreamscopeError('badInput', `${run} has no photographs that were collected.`);
  const places = placesOf(network, block);
  const [I, B, O] = await Promise.all(ROLES.map((role) => readPlace(run, network, places[role])));
  return {
    images: collected.images.length,
    activations: { I: I.activations, B: B.activations, O: O.activations },
    top: { I: I.top, B: B.top },
    image: (index) => preparedImage(folder, collected.images[index]),
  };
}
