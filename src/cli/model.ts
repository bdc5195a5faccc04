// Opening what a command works on: the weights file and the device.

import { float16Asked } from '#gpu';
import { float16Error } from '../analysis/float16Error.ts';
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
  /** hex digits of the file's SHA-256; see openWeights for float16 */
  sha256: string;
}

export type OpenTensors = Omit<OpenWeights, 'network'>;

/**
 * Weights that the GPU stores as float16 are other weights: what a run records of them is the hash of the file's hash
 * and that word, so that results of both kinds never mix.
 */
export async function openWeights(path: string): Promise<OpenWeights> {
  const opened = await openTensors(path);
  const network = networkOf(opened.weights, path);
  if (!float16Asked()) return { ...opened, network };
  const sha256 = await weightsHash(new TextEncoder().encode(`${opened.sha256} float16`));
  return { ...opened, network, sha256 };
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
  { network, weights }: Pick<OpenWeights, 'network' | 'weights'>,
  work: (gpu: Gpu, parameters: Parameters) => Promise<T>,
): Promise<T> {
  const gpu = await Gpu.acquire();
  try {
    if (gpu.float16) await sayFloat16Error(gpu, network, weights);
    return await work(gpu, new Parameters(gpu, weights));
  } finally {
    gpu.close();
  }
}

async function sayFloat16Error(gpu: Gpu, network: Network, weights: Weights): Promise<void> {
  const error = await float16Error(gpu, network, weights);
  if (!error) return;
  const [values, gradient] = [error.values, error.gradient].map((value) => value.toExponential(1));
  console.error(
    `float16 weights: values at ${error.tap} differ from float32's by ${values}, a gradient by ${gradient} (relative L2, one image of noise).`,
  );
}
