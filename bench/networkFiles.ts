// A network as every peer gets it: one file of float32 values and a description. Batch norms are folded into the
// convolutions (in float64), so that nobody has to compute them and nobody is slower for not having done so.
//
//   w' = w gamma / sqrt(variance + eps)        bias' = beta - mean gamma / sqrt(variance + eps)

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Network } from '../src/model/network.ts';
import { BATCH_NORM } from '../src/model/parameters.ts';
import { framesOf, STEM } from '../src/model/receptiveField.ts';
import { tapsOf } from '../src/model/taps.ts';
import type { Weights } from '../src/model/weights.ts';

/** Where a tensor lies in weights.bin: the index of its first value. */
interface Stored {
  at: number;
  shape: readonly number[];
}

interface StoredConvolution {
  weight: Stored;
  bias: Stored;
  stride: number;
  pad: number;
}

/** Convolutions of a network by name, as torchvision has them: module of the filter, of its batch norm, settings. */
function* convolutionsOf(network: Network) {
  yield { name: 'stem', conv: 'conv1', bn: 'bn1', stride: STEM.stride, pad: STEM.pad };
  for (const { name, module, stride, downsample } of network.blocks) {
    yield { name: `${name}.conv1`, conv: `${module}.conv1`, bn: `${module}.bn1`, stride, pad: 1 };
    yield { name: `${name}.conv2`, conv: `${module}.conv2`, bn: `${module}.bn2`, stride: 1, pad: 1 };
    const bypass = `${module}.downsample`;
    if (downsample) yield { name: `${name}.bypass`, conv: `${bypass}.0`, bn: `${bypass}.1`, stride, pad: 0 };
  }
}

/** The filter and bias that do both. */
function fold(weights: Weights, conv: string, bn: string) {
  const { data, shape } = weights.get(`${conv}.weight`)!;
  const field = (name: string) => weights.get(`${bn}.${name}`)!.data;
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(field);
  const factor = Float64Array.from(gamma, (g, k) => g / Math.sqrt(variance[k] + BATCH_NORM.eps));
  const perFilter = data.length / shape[0];
  return {
    shape,
    weight: Float32Array.from(data, (w, i) => w * factor[Math.floor(i / perFilter)]),
    bias: Float32Array.from(beta, (b, k) => b - mean[k] * factor[k]),
  };
}

/** Writes network.json and weights.bin into a folder. `size` is that of the images. */
export function writeNetwork(folder: string, network: Network, weights: Weights, size: number): void {
  const parts: Float32Array[] = [];
  let at = 0;
  const store = (values: Float32Array, shape: readonly number[]): Stored => {
    parts.push(values);
    at += values.length;
    return { at: at - values.length, shape };
  };
  const convolutions: Record<string, StoredConvolution> = {};
  for (const { name, conv, bn, stride, pad } of convolutionsOf(network)) {
    const { weight, bias, shape } = fold(weights, conv, bn);
    convolutions[name] = { weight: store(weight, shape), bias: store(bias, [bias.length]), stride, pad };
  }
  const [fcWeight, fcBias] = ['fc.weight', 'fc.bias'].map((name) => weights.get(name)!);
  const fc = { weight: store(fcWeight.data, fcWeight.shape), bias: store(fcBias.data, fcBias.shape) };
  const frames = framesOf(network, size);
  const taps = tapsOf(network).map(({ name, place, channels }) => [
    name,
    { rows: frames.get(place), channels },
  ]);
  const blocks = network.blocks.map(({ name, downsample }) => ({
    name,
    first: `${name}.conv1`,
    second: `${name}.conv2`,
    ...(downsample && { bypass: `${name}.bypass` }),
  }));
  const description = { size, convolutions, blocks, fc, taps: Object.fromEntries(taps) };
  writeFileSync(join(folder, 'network.json'), JSON.stringify(description));
  writeFileSync(join(folder, 'weights.bin'), Buffer.concat(parts.map((part) => bytesOf(part))));
}

/** The bytes of a float32 array, as they lie in memory. */
export const bytesOf = (values: Float32Array): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** Multiplications and additions of all convolutions for one image, forward; the gradient takes as many again. */
export function convolutionFlops(network: Network, size: number): number {
  const frames = framesOf(network, size);
  const product = (rows: number, K: number, C: number, filter: number) =>
    2 * rows * rows * K * C * filter * filter;
  let flops = product(frames.get('conv1')!, network.width, 3, STEM.size);
  for (const { name, inChannels, channels, downsample } of network.blocks) {
    const rows = frames.get(`${name}.O`)!;
    flops += product(rows, channels, inChannels, 3) + product(rows, channels, channels, 3);
    if (downsample) flops += product(rows, channels, inChannels, 1);
  }
  return flops;
}
