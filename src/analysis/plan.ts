// What a run makes, before it makes anything: a list of images in a stable order, and the settings that their bytes
// depend on. Pure: the same request gives the same plan on every machine.
//
// The metrics need the images of I and B under the centre objective, from every seed. O and whole channels are made
// only for display, of the channels asked for and from the first seed. Two names of one place (1.1.I, 1.0.O) are one
// image. The first seed of everything comes first, so that an interrupted run already holds the single-seed answer.

import { StreamscopeError } from '../error.ts';
import type { Block, Network } from '../model/network.ts';
import { type Tap, tapsOf, type Unit } from '../model/taps.ts';
import { weightsHash } from '../model/weights.ts';
import type { ObjectiveKind } from '../visualization/ascend.ts';
import { type CampaignSettings, firstSeed, type ImageTask } from '../visualization/campaign.ts';
import { type JitterMode, studyJitter } from '../visualization/jitter.ts';
import { ANGLES, SCALES } from '../visualization/transforms.ts';

/** What all images of a run share. How many are made, of which units, is no setting: a run may grow. */
export interface RunSettings {
  network: string;
  weightsSha256: string;
  steps: number;
  learningRate: number;
  size: number;
  seed: number;
  retries: number;
  /** pixels, or by tap as in the study */
  jitter: number | 'study';
  jitterMode: JitterMode;
  scales: readonly number[];
  angles: readonly number[];
}

/** What one image's bytes depend on, apart from the adapter. */
export interface ImageSettings extends RunSettings {
  objective: ObjectiveKind;
  jitter: number;
}

export function runSettings(
  network: Pick<Network, 'name'>,
  weightsSha256: string,
  { steps, learningRate, size, seed, retries, jitter, jitterMode }: Omit<CampaignSettings, 'batch'>,
): RunSettings {
  return {
    network: network.name,
    weightsSha256,
    steps,
    learningRate,
    size,
    seed,
    retries,
    jitter: jitter ?? 'study',
    jitterMode,
    scales: SCALES,
    angles: ANGLES,
  };
}

export function imageSettings(run: RunSettings, { unit, objective, index }: ImageTask): ImageSettings {
  const jitter = run.jitter === 'study' ? studyJitter(unit.tap) : run.jitter;
  return { ...run, objective, seed: firstSeed(run.seed, index), jitter };
}

/** SHA-256 of the settings, whatever the order of their keys. */
export function settingsHash(settings: object): Promise<string> {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return weightsHash(new TextEncoder().encode(JSON.stringify(sorted)));
}

/** "1.1.B:19/center/0": by place, so that an image has one name. */
export const imageId = ({ unit: { tap, channel }, objective, index }: ImageTask): string =>
  `${tap.place}:${channel}/${objective}/${index}`;

const IMAGE_ID = /^(?<place>[^:/]+):(?<channel>\d{1,6})\/(?<objective>center|channel)\/(?<index>\d{1,6})$/;

/** The image of a name; undefined for a name that the network has not. */
export function imageOfId(network: Network, id: string): ImageTask | undefined {
  const groups = IMAGE_ID.exec(id)?.groups;
  const tap = tapsOf(network).find(({ place }) => place === groups?.place);
  if (!groups || !tap) return undefined;
  const { channel, objective, index } = groups;
  const unit = { tap, channel: Number(channel) };
  const task = { unit, objective: objective as ObjectiveKind, index: Number(index) };
  return unit.channel < tap.channels && imageId(task) === id ? task : undefined;
}

/** Channels by block for which O and the whole channel are made as well. */
export type DisplayChannels = ReadonlyMap<string, readonly number[]>;

export interface PlanRequest {
  blocks: readonly Block[];
  /** images per unit */
  seeds: number;
  display?: DisplayChannels;
}

/** All images of a run, each once: by index, then in the order the signal passes their places, then by channel. */
export function planImages(network: Network, { blocks, seeds, display }: PlanRequest): ImageTask[] {
  const taps = tapsOf(network).filter(({ block, role }) => blocks.includes(block) && role !== 'O');
  const measured = taps.flatMap((tap) => imagesAt(tap, Array(tap.channels).keys(), 'center', seeds));
  return inOrder(network, [...measured, ...displayImages(network, display ?? new Map())]);
}

/** Images of O, and of the whole channels of I, B and O: to look at, from the first seed. */
export function displayImages(network: Network, display: DisplayChannels): ImageTask[] {
  const tasks = tapsOf(network).flatMap((tap) => {
    const channels = display.get(tap.block.name) ?? [];
    return [
      ...(tap.role === 'O' ? imagesAt(tap, channels, 'center', 1) : []),
      ...imagesAt(tap, channels, 'channel', 1),
    ];
  });
  return inOrder(network, tasks);
}

const imagesAt = (
  tap: Tap,
  channels: Iterable<number>,
  objective: ObjectiveKind,
  indices: number,
): ImageTask[] =>
  Array.from(channels).flatMap((channel) =>
    Array.from({ length: indices }, (_, index) => ({ unit: { tap, channel }, objective, index })),
  );

/** Each image once, in the order of a plan. */
function inOrder(network: Network, all: readonly ImageTask[]): ImageTask[] {
  const tasks = new Map<string, ImageTask>();
  for (const task of all) if (!tasks.has(imageId(task))) tasks.set(imageId(task), task);
  const places = [...new Set(tapsOf(network).map(({ place }) => place))];
  const rank = ({ unit, objective, index }: ImageTask) => [
    index,
    objective === 'center' ? 0 : 1,
    places.indexOf(unit.tap.place),
    unit.channel,
  ];
  return [...tasks.values()]
    .map((task) => ({ task, key: rank(task) }))
    .sort((a, b) => a.key.map((value, i) => value - b.key[i]).find((difference) => difference !== 0) ?? 0)
    .map(({ task }) => task);
}

/** A plan as it is written down: the same for the same request. */
export interface PlanDocument {
  settingsHash: string;
  settings: RunSettings;
  blocks: string[];
  seeds: number;
  display: Record<string, readonly number[]>;
  /** names of all images, in the order they are made */
  images: string[];
}

export async function planDocument(
  network: Network,
  settings: RunSettings,
  request: PlanRequest,
): Promise<PlanDocument> {
  return {
    settingsHash: await settingsHash(settings),
    settings,
    blocks: request.blocks.map(({ name }) => name),
    seeds: request.seeds,
    display: Object.fromEntries(request.display ?? []),
    images: planImages(network, request).map(imageId),
  };
}

/** The images of a list of units, `seeds` of each. */
export const tasksOf = (units: readonly Unit[], objective: ObjectiveKind, seeds: number): ImageTask[] =>
  units.flatMap((unit) => Array.from({ length: seeds }, (_, index) => ({ unit, objective, index })));

/** Reads "1.1,2.0"; absent: all that the study looks at, which is all but the first. Throws usage. */
export function parseBlocks(network: Network, text?: string): Block[] {
  if (text === undefined) return network.blocks.slice(1);
  const names = network.blocks.map(({ name }) => name);
  const wanted = text.split(',').map((part) => part.trim().replace(/^layer/, ''));
  for (const name of wanted)
    if (!names.includes(name)) {
      const hint = `Its blocks are ${names.join(', ')}.`;
      throw new StreamscopeError('usage', `There is no block called "${name}" in ${network.name}.`, hint);
    }
  return network.blocks.filter(({ name }) => wanted.includes(name));
}

const DISPLAY = /^(?<block>[^:]+):(?<first>\d+)(?:-(?<last>\d+))?$/;

/** Reads "1.1:19,2.0:3-15", or "all" for every channel of `blocks`. Throws usage. */
export function parseDisplay(blocks: readonly Block[], text: string): DisplayChannels {
  const all = ({ channels }: Block) => [...Array(channels).keys()];
  if (text === 'all') return new Map(blocks.map((block) => [block.name, all(block)]));
  const channels = new Map<string, number[]>();
  for (const item of text.split(',').map((part) => part.trim())) {
    const groups = DISPLAY.exec(item)?.groups;
    const block = blocks.find(({ name }) => name === groups?.block);
    const [first, last] = [Number(groups?.first), Number(groups?.last ?? groups?.first)];
    if (!block || last < first || last >= block.channels) {
      const known = blocks.map(({ name, channels: count }) => `${name}:0-${count - 1}`).join(', ');
      const hint = `Write a block of this run and a channel, as in 1.1:19 or 1.1:0-9, or all. There are ${known}.`;
      throw new StreamscopeError('usage', `--display: "${item}" is no channel of this run.`, hint);
    }
    const listed = channels.get(block.name) ?? [];
    channels.set(block.name, [...listed, ...all(block).slice(first, last + 1)]);
  }
  return channels;
}
