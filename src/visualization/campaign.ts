// Many images: grouped by place and objective into batches, each ascended, checked, measured on its saved 8-bit
// pixels, and retried with the next seed when its gradient was dead or its values diverged. Nothing here knows
// files; a finished image is handed to `onImage`, in an order that depends on the list alone.
//
// Image `index` of a unit starts from seed + 1000 index, and its retries count up from there, so that no image ever
// takes another one's seed. It is what the same unit gives alone under that seed: how many images are made of a
// unit, and beside which others, changes nothing.

import { OutOfMemory } from '../engine/device.ts';
import { StreamscopeError } from '../error.ts';
import type { Network } from '../model/network.ts';
import type { Unit } from '../model/taps.ts';
import {
  type AscendContext,
  type AscendSettings,
  type Ascent,
  ascend,
  type ObjectiveKind,
  type Status,
} from './ascend.ts';
import { suitableBatch } from './batch.ts';
import { type JitterMode, studyJitter } from './jitter.ts';
import { measureObjective } from './measure.ts';
import { fromBytes, toBytes } from './pixels.ts';
import { ascendTogether } from './together.ts';
import { ANGLES, SCALES } from './transforms.ts';

/** One image that is wanted. */
export interface ImageTask {
  unit: Unit;
  objective: ObjectiveKind;
  /** which of the unit's images: 0, 1, ... */
  index: number;
}

export interface CampaignSettings extends Omit<AscendSettings, 'transforms' | 'objective'> {
  /** pixels; the study's choice by tap when absent */
  jitter?: number;
  jitterMode: JitterMode;
  /** of the images with index 0 */
  seed: number;
  /** further seeds to try when a unit is dead or diverges */
  retries: number;
  /** images at once; what suits the adapter when absent */
  batch?: number;
}

/** Steps of all images of a place from which more than one device is worth its start, a second or two. */
export const WORTH_SHARING = 2000;

/** Seeds from one image of a unit to the next; more than there may be retries. */
export const SEED_STRIDE = 1000;

/** The seed that image `index` of a unit tries first. */
export const firstSeed = (seed: number, index: number): number => seed + SEED_STRIDE * index;

export interface Attempt {
  seed: number;
  status: Status;
}

/** A finished image, or why there is none: only status ok has one. */
export interface ImageResult {
  task: ImageTask;
  jitter: number;
  attempts: readonly Attempt[];
  status: Status;
  ascent: Ascent;
  /** 8-bit pixels (H,W,3) of the image */
  pixels: Uint8Array;
  /** objective on these pixels, without transforms; only with status ok */
  activation?: number;
}

/** The name an image's random numbers come from: place, channel and objective; two names of one place agree. */
export const streamName = (
  network: Pick<Network, 'name'>,
  { unit: { tap, channel }, objective }: Omit<ImageTask, 'index'>,
): string => `${network.name}/${tap.place}:${channel}/${objective}`;

/** Throws usage for settings that cannot be. */
export async function visualizeImages(
  context: AscendContext,
  tasks: readonly ImageTask[],
  settings: CampaignSettings,
  onImage: (result: ImageResult) => Promise<void>,
): Promise<void> {
  if (settings.retries >= SEED_STRIDE) {
    throw new StreamscopeError(
      'usage',
      `${settings.retries} retries would take the seeds of other images, expected fewer than ${SEED_STRIDE}.`,
    );
  }
  const sizes = new Map<string, number>();
  for (const task of tasks) {
    const key = batchKey(task);
    if (!sizes.has(key)) sizes.set(key, settings.batch ?? (await suitableFor(context, task, settings)));
  }
  const worthSharing = (key: string) =>
    settings.steps * tasks.filter((task) => batchKey(task) === key).length >= WORTH_SHARING;
  const compiled = new Set<string>();
  let stepsDone = 0;
  for (const batch of batchesOf(tasks, (task) => sizes.get(batchKey(task))!)) {
    const key = batchKey(batch[0]);
    if (!compiled.has(key)) context.onCompile?.(batch[0].unit.tap.place);
    compiled.add(key);
    const onProgress = (done: number) =>
      context.onProgress?.(stepsDone + done * batch.length, tasks.length * settings.steps);
    const make = worthSharing(key) ? ascendTogether : ascend;
    const results = await visualizeWithinMemory({ ...context, onProgress }, batch, settings, make);
    stepsDone += batch.length * settings.steps;
    for (const result of results) await onImage(result);
  }
}

const batchKey = ({ unit, objective }: ImageTask): string => `${unit.tap.place}/${objective}`;

/** What the images of a task are made with. */
function ascendSettings({ unit, objective }: ImageTask, settings: CampaignSettings): AscendSettings {
  const jitter = settings.jitter ?? studyJitter(unit.tap);
  const transforms = { jitter, jitterMode: settings.jitterMode, scales: SCALES, angles: ANGLES };
  return { ...settings, objective, transforms };
}

const suitableFor = (context: AscendContext, task: ImageTask, settings: CampaignSettings) =>
  suitableBatch(context, task.unit.tap.place, ascendSettings(task, settings));

/** Images of one place and objective together, at most `size` of them at a time, in the order given. */
export function batchesOf(tasks: readonly ImageTask[], size: (task: ImageTask) => number): ImageTask[][] {
  const batches: ImageTask[][] = [];
  const open = new Map<string, ImageTask[]>();
  for (const task of tasks) {
    const key = batchKey(task);
    let batch = open.get(key);
    if (!batch || batch.length === size(task)) {
      batch = [];
      open.set(key, batch);
      batches.push(batch);
    }
    batch.push(task);
  }
  return batches;
}

/** A batch for which there is no memory is made in halves: an image does not depend on its batch. */
async function visualizeWithinMemory(
  context: AscendContext,
  batch: readonly ImageTask[],
  settings: CampaignSettings,
  make: typeof ascend,
): Promise<ImageResult[]> {
  try {
    return await visualizeBatch(context, batch, settings, make);
  } catch (error) {
    if (!(error instanceof OutOfMemory) || batch.length === 1) throw error;
    await context.gpu.recover();
    context.parameters.destroyElsewhere(); // one unit alone needs none of it
    const half = Math.ceil(batch.length / 2);
    const first = await visualizeWithinMemory(context, batch.slice(0, half), settings, make);
    return [...first, ...(await visualizeWithinMemory(context, batch.slice(half), settings, make))];
  }
}

async function visualizeBatch(
  context: AscendContext,
  batch: readonly ImageTask[],
  settings: CampaignSettings,
  make: typeof ascend,
): Promise<ImageResult[]> {
  const [{ unit }] = batch;
  const made = ascendSettings(batch[0], settings);
  const { jitter } = made.transforms;
  const results = new Map<ImageTask, ImageResult>();
  let waiting = [...batch];
  for (let retry = 0; retry <= settings.retries && waiting.length > 0; retry++) {
    const targets = waiting.map((task) => ({
      channel: task.unit.channel,
      name: streamName(context.network, task),
      seed: firstSeed(settings.seed, task.index) + retry,
    }));
    const ascents = await make(context, unit.tap.place, targets, made);
    waiting.forEach((task, i) => {
      const ascent = ascents[i];
      const { status } = ascent;
      const attempts = [...(results.get(task)?.attempts ?? []), { seed: targets[i].seed, status }];
      const pixels = toBytes(ascent.image, settings.size, settings.size);
      results.set(task, { task, jitter, attempts, status, ascent, pixels });
    });
    waiting = waiting.filter((task) => results.get(task)!.status !== 'ok');
  }
  const finished = batch.map((task) => results.get(task)!);
  await measure(context, settings.size, finished);
  return finished;
}

/** Adds the activation to every result that has an image; without a finite one it has diverged. */
async function measure(context: AscendContext, size: number, results: readonly ImageResult[]): Promise<void> {
  const usable = results.filter(({ status }) => status === 'ok');
  if (usable.length === 0) return;
  const [{ task }] = usable;
  const samples = usable.map((result) => ({
    image: fromBytes(result.pixels),
    channel: result.task.unit.channel,
  }));
  const { place } = task.unit.tap;
  const activations = await measureObjective(context, place, task.objective, size, samples);
  usable.forEach((result, i) => {
    if (Number.isFinite(activations[i])) result.activation = activations[i];
    else {
      // the steps were finite, the picture as it is saved is not: weights near the largest float
      const last = result.attempts[result.attempts.length - 1];
      result.attempts = [...result.attempts.slice(0, -1), { ...last, status: 'diverged' }];
      result.status = 'diverged';
    }
  });
}
