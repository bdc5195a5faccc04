// Opening what a command works on: the weights file and the device.

import { Gpu } from '../engine/device.ts';
import { StreamscopeError } from '../error.ts';
import { type Network, networkOf } from '../model/network.ts';
import { missingTensors, Parameters } from '../model/parameters.ts';
import { parseWeights, type Weights, weightsHash } from '../model/weights.ts';
import { readBytes } from './files.ts';

export interface OpenWeights {
  path: string;
  weights: Weights;
  network: Network;
  /** hex digits of the file's SHA-256 */
  sha256: string;
}

export type OpenTensors = Omit<OpenWeights, 'network'>;

export async function openWeights(path: string): Promise<OpenWeights> {
  const opened = await openTensors(path);
  return { ...opened, network: networkOf(opened.weights, path) };
}

/** The tensors of a file, of whatever network. */
export async function openTensors(path: string): Promise<OpenTensors> {
  const bytes = await readBytes(path).catch((error: unknown) => {
    if (!(error instanceof StreamscopeError)) throw error;
    const hint = 'Give a .pth or .safetensors file, or download one: streamscope weights fetch resnet18.';
    throw new StreamscopeError('unavailable', error.message, hint);
  });
  return { path, weights: parseWeights(bytes, path), sha256: await weightsHash(bytes) };
}

/** Whether the file has all tensors behind a place. Throws when one has a wrong shape. */
export const serves = ({ network, weights, path }: OpenWeights, place: string): boolean =>
  missingTensors(network, weights, place, path).length === 0;

/** Runs `work` with a device and the weights on it, and closes the device whatever happens. */
export async function withGpu<T>(
  weights: Weights,
  work: (gpu: Gpu, parameters: Parameters) => Promise<T>,
): Promise<T> {
  const gpu = await Gpu.acquire();
  try {
    return await work(gpu, new Parameters(gpu, weights));
  } finally {
    gpu.close();
  }
}
