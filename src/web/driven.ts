// A page that the command line drives (cli/chrome.ts): it opens the weights that its server has, hands results over one
// by one, and asks for what it needs, through functions that the driver put into the page. Files are the driver's
// business. All that passes is JSON, arrays as arrayJson.ts has them.

import type { Gpu } from '../engine/device.ts';
import { StreamscopeError } from '../error.ts';
import { fromJson, toJson } from '../model/arrayJson.ts';
import { type Network, networkOf } from '../model/network.ts';
import { Parameters } from '../model/parameters.ts';
import { parseWeights, type Weights } from '../model/weights.ts';
import { acquireDevice } from './device.ts';

/** What the driver puts into the page. */
interface Driver {
  driverResult(result: unknown): Promise<void>;
  driverProgress(done: number, total: number): Promise<void>;
  driverInput(request: unknown): Promise<unknown>;
}

/** How a command ended: the adapter, or a failure as error.ts has them. */
export type Ending = { adapter: string } | { message: string; hint?: string; exitClass: string };

export interface Opened {
  gpu: Gpu;
  network: Network;
  weights: Weights;
  parameters: Parameters;
}

const driver = globalThis as unknown as Driver;
const stop = new AbortController();
const PROGRESS_MS = 200;

/** Aborted when the driver wants the command to end. */
export const stopped: AbortSignal = stop.signal;

/** Hands a result over; returns when the driver has dealt with it. */
export const give = (result: unknown): Promise<void> => driver.driverResult(toJson(result));

/** Asks the driver for something. Throws the abort when it wants to end. */
export async function ask(request: unknown): Promise<unknown> {
  stopped.throwIfAborted();
  return fromJson(await driver.driverInput(request));
}

/** Tells how far a command is: the first and the last time, and now and then between. */
export function progress(): (done: number, total: number) => void {
  let told = Number.NEGATIVE_INFINITY;
  return (done, total) => {
    if (performance.now() - told < PROGRESS_MS && done < total) return;
    told = performance.now();
    void driver.driverProgress(done, total);
  };
}

/** A file of the driver's server. Throws io. */
export async function fetched(path: string): Promise<Uint8Array> {
  const response = await fetch(path);
  if (!response.ok) throw new StreamscopeError('io', `The page cannot read ${path}: ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Runs `work` with the device and the weights that the server calls `weights`; tells how it ended. */
export async function withWeights(work: (opened: Opened) => Promise<void>): Promise<Ending> {
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
    if (stopped.aborted) return { message: 'Stopped.', exitClass: 'stopped' };
    return { message: `Unexpected failure: ${error}`, exitClass: 'bug' };
  } finally {
    gpu?.close();
  }
}

/** Lets the driver call these by name. */
export function offer(commands: Record<string, (...settings: never[]) => Promise<Ending>>): void {
  Object.assign(globalThis, { streamscope: { ...commands, stop: () => stop.abort() } });
}
