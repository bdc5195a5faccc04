// The headless page: what `streamscope --host chrome` drives. It opens the weights that its server has, runs one
// command with the product's own functions, and hands over results one by one to functions that the driver put into
// the page. Files are the driver's business.

import * as v from 'valibot';
import { type Golden, type Goldens, passes, verify } from '../analysis/verify.ts';
import type { Gpu } from '../engine/device.ts';
import { StreamscopeError } from '../error.ts';
import { type Network, networkOf } from '../model/network.ts';
import { parseNpy } from '../model/npy.ts';
import { missingTensors, Parameters } from '../model/parameters.ts';
import { findTap } from '../model/taps.ts';
import { parseWeights, type Weights } from '../model/weights.ts';
import { type CampaignSettings, type ImageTask, visualizeImages } from '../visualization/campaign.ts';
import { acquireDevice } from './device.ts';

/** What the driver puts into the page; everything that passes is JSON. */
interface Driver {
  driverResult(result: unknown): Promise<void>;
  driverProgress(stepsDone: number): Promise<void>;
}

/** An image to be made, by names. */
interface WantedImage {
  tap: string;
  channel: number;
  objective: ImageTask['objective'];
  index: number;
}

/** How a command ended: the adapter, or a failure as error.ts has them. */
type Ending = { adapter: string } | { message: string; hint?: string; exitClass: string };

const driver = globalThis as unknown as Driver;
const stop = new AbortController();

async function fetched(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new StreamscopeError('io', `The page cannot read ${path}: ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

interface Opened {
  gpu: Gpu;
  network: Network;
  weights: Weights;
  parameters: Parameters;
}

/** Runs `work` with the device and the weights that the server calls `weights`; tells how it ended. */
async function withWeights(work: (opened: Opened) => Promise<void>): Promise<Ending> {
  let gpu: Gpu | undefined;
  try {
    const weights = parseWeights(await fetched('weights'), 'weights');
    gpu = await acquireDevice();
    const parameters = new Parameters(gpu, weights);
    await work({ gpu, network: networkOf(weights, 'weights'), weights, parameters });
    return { adapter: gpu.adapter };
  } catch (error) {
    if (error instanceof StreamscopeError) {
      const { message, hint, exitClass } = error;
      return { message, hint, exitClass };
    }
    if (stop.signal.aborted) return { message: 'Stopped.', exitClass: 'stopped' };
    return { message: `Unexpected failure: ${error}`, exitClass: 'bug' };
  } finally {
    gpu?.close();
  }
}

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
      await driver.driverResult({ ...row, passed: passes(row) });
  });

/** The images that are wanted, in the order and batches of the command line. */
const runVisualize = (wanted: readonly WantedImage[], settings: CampaignSettings): Promise<Ending> =>
  withWeights(async ({ gpu, network, parameters }) => {
    const tasks = wanted.map(
      ({ tap, channel, ...rest }): ImageTask => ({ unit: { tap: findTap(network, tap), channel }, ...rest }),
    );
    let told = 0;
    const onProgress = (done: number) => {
      if (performance.now() - told < 200) return;
      told = performance.now();
      void driver.driverProgress(done);
    };
    const context = { gpu, network, parameters, signal: stop.signal, onProgress };
    await visualizeImages(context, tasks, settings, async (result) => {
      const { task, jitter, attempts, status, ascent, pixels, activation } = result;
      await driver.driverResult({
        at: tasks.indexOf(task),
        jitter,
        attempts,
        status,
        activation,
        first: ascent.objective[0],
        last: ascent.objective.at(-1),
        image: base64(new Uint8Array(ascent.image.buffer, ascent.image.byteOffset, ascent.image.byteLength)),
        pixels: base64(pixels),
        adapter: gpu.adapter,
      });
    });
  });

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000)
    text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

Object.assign(globalThis, {
  streamscope: { verify: runVerify, visualize: runVisualize, stop: () => stop.abort() },
});
