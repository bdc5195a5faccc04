// The headless page: what `streamscope --host chrome` drives. Every command is the product's own functions, given what
// the driver has and giving back what it wants to write.

import * as v from 'valibot';
import { collectActivations, type PreparedImage } from '../analysis/collect.ts';
import { measureBlock } from '../analysis/measureBlock.ts';
import type { Role } from '../analysis/measurements.ts';
import type { CollectedBlock } from '../analysis/natural.ts';
import type { StimulusImage } from '../analysis/responses.ts';
import { type Golden, type Goldens, passes, verify } from '../analysis/verify.ts';
import { StreamscopeError } from '../error.ts';
import { parseNpy } from '../model/npy.ts';
import { missingTensors } from '../model/parameters.ts';
import { findTap } from '../model/taps.ts';
import { type CampaignSettings, type ImageTask, visualizeImages } from '../visualization/campaign.ts';
import { ask, type Ending, fetched, give, offer, progress, stopped, withWeights } from './driven.ts';

const manifestSchema = v.record(v.string(), v.looseObject({ shape: v.optional(v.array(v.number()), []) }));

async function openGoldens(): Promise<Goldens> {
  const text = new TextDecoder().decode(await fetched('goldens/manifest.json'));
  const manifest = v.parse(manifestSchema, JSON.parse(text)) as Record<string, Golden>;
  const load = async (name: string) => {
    const array = parseNpy(await fetched(`goldens/${encodeURIComponent(name)}.npy`));
    if (array.shape.join() === manifest[name]?.shape.join()) return array;
    const expected = manifest[name]?.shape ?? 'no such entry';
    throw new StreamscopeError(
      'badInput',
      `${name}.npy is [${array.shape}], the manifest says [${expected}].`,
    );
  };
  return { manifest, load };
}

/** All rows that the goldens on the server allow. */
const runVerify = (): Promise<Ending> =>
  withWeights(async ({ gpu, network, weights, parameters }) => {
    const goldens = await openGoldens();
    const serves = (place: string) => missingTensors(network, weights, place, 'weights').length === 0;
    for await (const row of verify({ gpu, network, parameters, goldens, serves }))
      await give({ ...row, passed: passes(row) });
  });

/** An image to be made, by names. */
interface WantedImage {
  tap: string;
  channel: number;
  objective: ImageTask['objective'];
  index: number;
}

/** The images that are wanted, in the order and batches of the command line. */
const runVisualize = (wanted: readonly WantedImage[], settings: CampaignSettings): Promise<Ending> =>
  withWeights(async ({ gpu, network, parameters }) => {
    const tasks = wanted.map(
      ({ tap, channel, ...rest }): ImageTask => ({ unit: { tap: findTap(network, tap), channel }, ...rest }),
    );
    const context = { gpu, network, parameters, signal: stopped, onProgress: progress() };
    await visualizeImages(context, tasks, settings, async ({ task, ascent, ...result }) => {
      const { image, objective } = ascent;
      const ends = Float32Array.of(objective[0] ?? Number.NaN, objective.at(-1) ?? Number.NaN);
      await give({ ...result, at: tasks.indexOf(task), image, objective: ends, adapter: gpu.adapter });
    });
  });

/** What `places` answer to the photographs that the driver has, batch after batch. */
const runCollect = (places: readonly string[], batch: number): Promise<Ending> =>
  withWeights(async (context) => {
    for await (const { images, activations } of collectActivations(context, places, photographs(), batch))
      await give({ images: images.length, activations: Object.fromEntries(activations) });
  });

/** The driver's photographs, prepared, until it has no more. */
async function* photographs(): AsyncGenerator<PreparedImage> {
  for (;;) {
    const image = await ask('next');
    if (image === null) return;
    yield image as PreparedImage;
  }
}

/** What is measured of a block: the roles that have images by seed, and photographs if any were collected. */
export interface WantedMeasurements {
  size: number;
  seeds: readonly { seed: number; roles: readonly Role[] }[];
  photographs?: Pick<CollectedBlock, 'images' | 'top'>;
}

/** The responses of a block, but for the activations of photographs, which the driver has. */
const runMeasure = (name: string, wanted: WantedMeasurements): Promise<Ending> =>
  withWeights(async ({ weights, ...context }) => {
    const { block } = findTap(context.network, `${name}.O`);
    const seeds = wanted.seeds.map(({ seed, roles }, index) => ({
      seed,
      images: Object.fromEntries(roles.map((role) => [role, stimuli(index, role)])),
    }));
    const collected = wanted.photographs && (await collectedBlock(wanted.photographs));
    const sources = { size: wanted.size, seeds, collected };
    const options = { onProgress: progress(), signal: stopped };
    const { natural, ...measured } = await measureBlock(context, weights, block, sources, options);
    const { activations: _, ...rest } = natural ?? {};
    await give({ ...measured, ...(natural && { natural: rest }) });
  });

const stimuli = (index: number, role: Role) => async (channel: number) =>
  ((await ask({ index, role, channel })) as StimulusImage | null) ?? undefined;

async function collectedBlock({ images, top }: NonNullable<WantedMeasurements['photographs']>) {
  const activations = async (role: Role) =>
    parseNpy(await fetched(`activations/${role}`)).data as Float32Array;
  const [I, B, O] = [await activations('I'), await activations('B'), await activations('O')];
  const image = async (photograph: number) => (await ask({ photograph })) as Uint8Array;
  return { images, top, activations: { I, B, O }, image };
}

offer({ verify: runVerify, visualize: runVisualize, collect: runCollect, measure: runMeasure });
