// The network cases of cases.json, and what float64 says of them: the loops of test/support/referenceNetwork.ts on
// whole frames. They take most of a minute, so their results are kept by a hash of all that they depend on.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StreamscopeError } from '../src/error.ts';
import { globalAveragePool, linear, relu, zeros } from '../src/kernels/reference.ts';
import type { Network } from '../src/model/network.ts';
import { layoutOf } from '../src/model/receptiveField.ts';
import { findTap } from '../src/model/taps.ts';
import type { Weights } from '../src/model/weights.ts';
import { randomArray } from '../test/support/arrays.ts';
import { referenceNetwork } from '../test/support/referenceNetwork.ts';
import document from './cases.json';
import { bytesOf } from './networkFiles.ts';

export const networkCases = document.network;
const { size, images } = networkCases;
const PIXELS = 3 * size * size;

/** Forward to the logits without `tap`, else forward and the gradient of that tap's centre unit. */
export interface NetworkCase {
  name: string;
  tap?: string;
  channel?: number;
  batch: number;
}

/** The cases whose names contain `only`, in these batch sizes (cases.json's when empty). */
export function networkCasesOf(only: string, batches: readonly number[]): NetworkCase[] {
  const found = networkCases.cases.filter(({ name }) => name.includes(only));
  if (found.length === 0) {
    const names = networkCases.cases.map(({ name }) => name).join(', ');
    throw new StreamscopeError('usage', `No network case has "${only}" in its name.`, `There are ${names}.`);
  }
  return found.flatMap((row) =>
    (batches.length > 0 ? batches : networkCases.batch).map((batch) => ({ ...row, batch })),
  );
}

/** Sample n of a batch is image n % images, normalised as the network expects it: [batch,3,size,size]. */
export function batchOfImages(batch: number): Float32Array {
  const distinct = Array.from({ length: images }, (_, n) => randomArray(`bench image ${n}`, [PIXELS]).data);
  const all = new Float32Array(batch * PIXELS);
  for (let n = 0; n < batch; n++) all.set(distinct[n % images], n * PIXELS);
  return all;
}

/** By image: the logits; or the value of the centre unit, then its gradient by the image. */
export type NetworkReference = readonly Float64Array[];

/** The expected results of a case, from the cache in `folder` or from the loops. */
export function referenceOfNetwork(
  folder: string,
  network: Network,
  weights: Weights,
  { tap, channel }: NetworkCase,
): NetworkReference {
  const hash = createHash('sha256').update(JSON.stringify([size, images, tap, channel, network.name]));
  hash.update(bytesOf(batchOfImages(images)));
  for (const [name, { data }] of weights) hash.update(name).update(bytesOf(Float32Array.from(data)));
  const path = join(folder, `network-${hash.digest('hex').slice(0, 16)}.bin`);
  const cached = readCached(path);
  if (cached) return cached;
  const inputs = batchOfImages(images);
  const results = Array.from({ length: images }, (_, n) => {
    const x = {
      shape: [1, 3, size, size],
      data: Float64Array.from(inputs.subarray(n * PIXELS, (n + 1) * PIXELS)),
    };
    return tap ? gradient(network, weights, tap, channel!, x) : logits(network, weights, x);
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, Buffer.concat(results.map(({ buffer }) => Buffer.from(buffer))));
  return results;
}

type Image = { shape: number[]; data: Float64Array };

const wholeOf = (network: Network, place: string) => layoutOf(network, size, [{ place, region: 'all' }]);

function logits(network: Network, weights: Weights, x: Image): Float64Array {
  const last = `${network.blocks.at(-1)!.name}.O`;
  const [y] = referenceNetwork(weights, wholeOf(network, last), last, x);
  const [w, b] = ['fc.weight', 'fc.bias'].map((name) => {
    const { shape, data } = weights.get(name)!;
    return { shape, data: Float64Array.from(data) };
  });
  return linear(globalAveragePool(relu(y)), w, b).data;
}

function gradient(network: Network, weights: Weights, tap: string, channel: number, x: Image): Float64Array {
  const { place } = findTap(network, tap);
  const [y, back] = referenceNetwork(weights, wholeOf(network, place), place, x);
  const [, , rows] = y.shape;
  const middle = Math.floor(rows / 2);
  const at = (channel * rows + middle) * rows + middle;
  const dy = zeros(...y.shape);
  dy.data[at] = 1;
  return Float64Array.from([y.data[at], ...back(dy).data]);
}

function readCached(path: string): NetworkReference | undefined {
  try {
    const bytes = readFileSync(path);
    const values = new Float64Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    );
    const length = values.length / images;
    return Array.from({ length: images }, (_, n) => values.subarray(n * length, (n + 1) * length));
  } catch {
    return undefined;
  }
}
