// `--host chrome`: what the commands of this program compute, computed in headless Chrome by the same functions
// (web/headless.ts). Files of a run are read and written here, as in Node, photographs are decoded here too, so that a run
// folder does not depend on the host but for the adapter's last digits.

import * as v from 'valibot';
import type { CollectedBatch, PreparedImage } from '../analysis/collect.ts';
import type { BlockSources } from '../analysis/measureBlock.ts';
import { type BlockMeasurements, ROLES, type Role } from '../analysis/measurements.ts';
import type { FinishedImage } from '../analysis/sidecar.ts';
import type { Row } from '../analysis/verify.ts';
import { StreamscopeError } from '../error.ts';
import type { Block } from '../model/network.ts';
import type { CampaignSettings, ImageTask } from '../visualization/campaign.ts';
import { drive } from './chrome.ts';
import type { HostOptions } from './host.ts';

const rowSchema = v.object({
  group: v.picklist(['image', 'transform', 'tap', 'gradient', 'trajectory']),
  name: v.string(),
  // JSON has no NaN
  error: v.pipe(
    v.nullable(v.number()),
    v.transform((error) => error ?? Number.NaN),
  ),
  bound: v.number(),
  place: v.optional(v.string()),
  measure: v.string(),
});

/** The rows of `verify`; returns the adapter. */
export const verifyInChrome = (
  { chrome, weights, goldens }: HostOptions & { weights: string; goldens: string },
  onRow: (row: Row) => void,
  signal: AbortSignal,
): Promise<string> => {
  const mounts = [{ prefix: 'goldens/', path: goldens, scripts: false }];
  const onResult = async (row: unknown) => onRow(v.parse(rowSchema, row));
  return drive({ chrome, weights, mounts }, { onResult }, signal, 'verify');
};

const imageSchema = v.object({
  at: v.pipe(v.number(), v.integer()),
  jitter: v.number(),
  attempts: v.array(v.object({ seed: v.number(), status: v.picklist(['ok', 'dead', 'diverged']) })),
  status: v.picklist(['ok', 'dead', 'diverged']),
  activation: v.optional(v.number()),
  /** before the first step and the last */
  objective: v.instance(Float32Array),
  image: v.instance(Float32Array),
  pixels: v.instance(Uint8Array),
  adapter: v.string(),
});

/** What `visualizeImages` makes, one image after the other; returns the adapter. */
export function visualizeInChrome(
  { chrome, weights }: HostOptions & { weights: string },
  tasks: readonly ImageTask[],
  settings: CampaignSettings,
  handlers: {
    onImage: (result: FinishedImage, adapter: string) => Promise<void>;
    onProgress: (stepsDone: number) => void;
  },
  signal: AbortSignal,
): Promise<string> {
  const wanted = tasks.map(({ unit, objective, index }) => ({
    tap: unit.tap.name,
    channel: unit.channel,
    objective,
    index,
  }));
  const { steps, learningRate, size, jitter, jitterMode, seed, retries, batch } = settings;
  const onResult = async (message: unknown) => {
    const { at, image, objective, adapter, ...rest } = v.parse(imageSchema, message);
    await handlers.onImage({ ...rest, task: tasks[at], ascent: { image, objective } }, adapter);
  };
  const campaign = { steps, learningRate, size, jitter, jitterMode, seed, retries, batch };
  const { onProgress } = handlers;
  return drive({ chrome, weights }, { onResult, onProgress }, signal, 'visualize', wanted, campaign);
}

const batchSchema = v.object({
  images: v.pipe(v.number(), v.integer(), v.minValue(1)),
  activations: v.record(v.string(), v.instance(Float32Array)),
});

/** What `collectActivations` measures, batch after batch; returns the adapter. The page takes images as it needs them. */
export async function collectInChrome<T extends PreparedImage>(
  { chrome, weights }: HostOptions & { weights: string },
  places: readonly string[],
  images: AsyncIterable<T>,
  batch: number,
  onBatch: (batch: CollectedBatch<T>) => Promise<void>,
  signal: AbortSignal,
): Promise<string> {
  const source = images[Symbol.asyncIterator]();
  const waiting: T[] = [];
  const onInput = async () => {
    const { value, done } = await source.next();
    if (done) return null;
    waiting.push(value);
    return { name: value.name, pixels: value.pixels };
  };
  const onResult = async (message: unknown) => {
    const measured = v.parse(batchSchema, message);
    const activations = new Map(Object.entries(measured.activations));
    await onBatch({ images: waiting.splice(0, measured.images), activations });
  };
  try {
    return await drive({ chrome, weights }, { onResult, onInput }, signal, 'collect', places, batch);
  } finally {
    await source.return?.();
  }
}

const doubles = v.instance(Float64Array);
const byImage = v.object({ I: v.optional(doubles), B: v.optional(doubles), O: v.optional(doubles) });
const pair = v.object({ blockOnInput: doubles, inputOnBlock: doubles });
const stimulus = {
  imagesPerChannel: v.number(),
  responses: v.object({ I: byImage, B: byImage, O: byImage }),
  invariance: v.object({ scale: v.optional(pair), flip: v.optional(pair) }),
};
const measuredSchema = v.object({
  block: v.string(),
  channels: v.number(),
  weightMagnitude: v.object({ batchNorm: doubles, convolution: doubles }),
  tuningScales: v.array(v.number()),
  seeds: v.array(v.object({ seed: v.number(), ...stimulus, tuning: v.optional(doubles) })),
  natural: v.optional(v.object({ images: v.number(), ...stimulus })),
});
const wantedSchema = v.union([
  v.object({ index: v.number(), role: v.picklist(ROLES), channel: v.number() }),
  v.object({ photograph: v.number() }),
]);

/** What `measureBlock` measures. `activations` are the files behind those of the photographs, which the page reads. */
export async function measureInChrome(
  { chrome, weights }: HostOptions & { weights: string },
  block: Block,
  { size, seeds, collected }: BlockSources,
  activations: Record<Role, string>,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<{ measured: BlockMeasurements; adapter: string }> {
  const wanted = {
    size,
    seeds: seeds.map(({ seed, images }) => ({ seed, roles: Object.keys(images) })),
    photographs: collected && { images: collected.images, top: collected.top },
  };
  const mounts = ROLES.map((role) => ({
    prefix: `activations/${role}`,
    path: activations[role],
    scripts: false,
  }));
  const onInput = async (message: unknown) => {
    const request = v.parse(wantedSchema, message);
    if ('photograph' in request) return collected!.image(request.photograph);
    const { index, role, channel } = request;
    return (await seeds[index].images[role]!(channel, 0)) ?? null;
  };
  let measured: BlockMeasurements | undefined;
  const onResult = async (message: unknown) => {
    const { natural, ...rest } = v.parse(measuredSchema, message);
    const known = collected && natural && { ...natural, activations: collected.activations };
    measured = { ...rest, ...(known && { natural: known }) };
  };
  const handlers = { onResult, onInput, onProgress };
  const adapter = await drive({ chrome, weights, mounts }, handlers, signal, 'measure', block.name, wanted);
  if (!measured) throw new StreamscopeError('bug', `Chrome measured nothing of block ${block.name}.`);
  return { measured, adapter };
}
