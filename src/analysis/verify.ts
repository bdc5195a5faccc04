// Agreement with PyTorch, on this device: recomputes what a folder of goldens (PyTorch's outputs) holds and gives
// one row per comparison, with the error, its bound and what the error is.
//
// Bounds: image parametrisation 1e-5 of the rms, transforms 1e-5 in relative L2; taps 1e-4 of the tap's rms; input
// gradients a cosine of 0.99999 and a relative L2 of 1e-3; the first Adam step 1e-4; a trajectory's losses three
// times the deviation that PyTorch's own float32 and float64 runs show, because trajectories are chaotic.

import type { Gpu } from '../engine/device.ts';
import { StreamscopeError } from '../error.ts';
import type { Network } from '../model/network.ts';
import type { NpyArray } from '../model/npy.ts';
import type { Parameters } from '../model/parameters.ts';
import { verifyImage } from './verifyImage.ts';
import { verifyNetwork } from './verifyNetwork.ts';
import { verifyTrajectory } from './verifyTrajectory.ts';

/** An entry of a goldens manifest: the array's shape and what it was made with. */
export interface Golden {
  shape: readonly number[];
  params?: Record<string, unknown>;
  [fact: string]: unknown;
}

export interface Goldens {
  /** by name; entries without a shape are facts, not arrays */
  manifest: Readonly<Record<string, Golden>>;
  load(name: string): Promise<NpyArray>;
}

export interface VerifyContext {
  gpu: Gpu;
  network: Network;
  parameters: Parameters;
  goldens: Goldens;
  /** deepest places the weights can serve */
  serves: (place: string) => boolean;
}

export interface Row {
  group: 'image' | 'transform' | 'tap' | 'gradient' | 'trajectory';
  name: string;
  error: number;
  bound: number;
  /** the place in the network that a row of group tap is about */
  place?: string;
  /** what the error is: "max / rms", "relative L2", "1 - cosine" */
  measure: string;
}

export const BOUNDS = { image: 1e-5, transform: 1e-5, tap: 1e-4, gradient: 1e-3, cosine: 1e-5, adam: 1e-4 };

/** A NaN is never within bounds. */
export const passes = ({ error, bound }: Row): boolean => error <= bound;

/** All rows that the goldens allow, as they are computed. Throws when there is nothing to compare. */
export async function* verify(context: VerifyContext): AsyncGenerator<Row> {
  let rows = 0;
  for (const part of [verifyImage, verifyNetwork, verifyTrajectory]) {
    for await (const row of part(context)) {
      rows++;
      yield row;
    }
  }
  if (rows === 0) {
    throw new StreamscopeError(
      'badInput',
      'The goldens hold nothing to compare.',
      'Expected manifest.json with entries such as a_img_224_sd001.',
    );
  }
}

/** ||actual - expected|| / ||expected|| */
export function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, norm] = [actual.length === expected.length ? 0 : Number.NaN, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    norm += expected[i] ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** 1 - <a,b> / (||a|| ||b||), not below 0 */
export function cosineDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < b.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] ** 2;
    bb += b[i] ** 2;
  }
  return Math.max(0, 1 - ab / Math.sqrt(aa * bb));
}
