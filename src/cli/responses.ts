// The responses of a block, from the images of a run folder and the photographs that were collected, written to
// RUN/measurements/<block>. Images are read as they are wanted: memory does not grow with their number.

import { join } from 'node:path';
import { PNG } from 'pngjs';
import { type BlockSources, measureBlock } from '../analysis/measureBlock.ts';
import { type BlockMeasurements, ROLES, type Role } from '../analysis/measurements.ts';
import type { CollectedBlock } from '../analysis/natural.ts';
import type { PlanDocument } from '../analysis/plan.ts';
import { placesOf, type Stimuli } from '../analysis/responses.ts';
import { StreamscopeError } from '../error.ts';
import type { Block, Network } from '../model/network.ts';
import { parseNpy } from '../model/npy.ts';
import { findTap } from '../model/taps.ts';
import { firstSeed, type ImageTask } from '../visualization/campaign.ts';
import { placeFiles, readCollected, readPlace } from './collected.ts';
import { readIfPresent } from './files.ts';
import type { HostOptions } from './host.ts';
import { ImageProgress } from './imageProgress.ts';
import { measureInChrome } from './inChrome.ts';
import { writeMeasurements } from './measurementFiles.ts';
import { type OpenWeights, withGpu } from './model.ts';
import { preparedImage } from './photographs.ts';
import type { ProgressStyle } from './progress.ts';
import { type ImagePaths, pathsOf } from './runFolder.ts';

/** saved: the 8-bit pictures, as the study measures; float: the images they were rounded from */
export const PIXELS = ['saved', 'float'] as const;

export interface ResponsesOptions extends HostOptions {
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
  const { network } = opened;
  const { out } = options;
  const { seed, size } = plan.settings;
  const seeds = Array.from({ length: plan.seeds }, (_, index) => ({
    seed: firstSeed(seed, index),
    images: imagesOf(options, network, block, plan, index),
  }));
  const collected = options.images ? await collectedBlock(out, options.images, network, block) : undefined;
  const { measured, adapter } = await measureOnHost(
    options,
    opened,
    block,
    { size, seeds, collected },
    signal,
  );
  await writeMeasurements(out, measured, { ...provenance, adapter });
  return join('measurements', block.name, 'block.json');
}

/** Measures a block where the options say, and shows how far it is. */
async function measureOnHost(
  options: ResponsesOptions,
  { network, weights, path }: OpenWeights,
  block: Block,
  sources: BlockSources,
  signal: AbortSignal,
): Promise<{ measured: BlockMeasurements; adapter: string }> {
  let progress: ImageProgress | undefined;
  let shown = Number.POSITIVE_INFINITY;
  const onProgress = (done: number, total: number) => {
    // every seed, and the photographs, count from the beginning
    if (done <= shown) progress = new ImageProgress(`responses of ${block.name}`, total, options.progress);
    shown = done;
    progress?.show(done);
  };
  if (options.host === 'chrome') {
    const places = placesOf(network, block);
    const file = (role: Role) => join(options.out, placeFiles(network, places[role]).activations);
    const activations = { I: file('I'), B: file('B'), O: file('O') };
    return measureInChrome({ ...options, weights: path }, block, sources, activations, onProgress, signal);
  }
  return withGpu({ network, weights }, async (gpu, parameters) => {
    const context = { gpu, network, parameters };
    const measured = await measureBlock(context, weights, block, sources, { onProgress, signal });
    return { measured, adapter: gpu.adapter };
  });
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
