// The step cases of cases.json as the engine takes them: a tap, the channels of the batch, the study's transforms.

import { StreamscopeError } from '../src/error.ts';
import type { Network } from '../src/model/network.ts';
import { findTap, type Tap } from '../src/model/taps.ts';
import type { AscendSettings, Target } from '../src/visualization/ascend.ts';
import document from './cases.json';

export const cases = document.step;

export interface StepCase {
  tap: Tap;
  jitter: number;
  batch: number;
  channels: number[];
}

/**
 * The cases with these taps (all when empty) and batch sizes (cases.json's when empty), taps outermost. Channels beyond
 * the last are counted from the first on, so that a narrow network has the same cases.
 */
export function stepCases(network: Network, taps: readonly string[], batches: readonly number[]): StepCase[] {
  const known = cases.cases.map(({ tap }) => tap);
  const unknown = taps.find((tap) => !known.includes(tap));
  if (unknown)
    throw new StreamscopeError('usage', `There is no case ${unknown}.`, `There are ${known.join(', ')}.`);
  return cases.cases
    .filter((row) => taps.length === 0 || taps.includes(row.tap))
    .flatMap(({ channel, jitter, ...row }) => {
      const tap = findTap(network, row.tap);
      return (batches.length > 0 ? batches : cases.batch).map((batch) => {
        return { tap, jitter, batch, channels: channelsFrom(channel, batch, tap) };
      });
    });
}

/** `batch` channels of a tap. Throws when it has fewer. */
export function channelsFrom(first: number, batch: number, { name, channels }: Tap): number[] {
  if (batch > channels)
    throw new StreamscopeError('usage', `${name} has ${channels} channels, not ${batch} units.`);
  return Array.from({ length: batch }, (_, n) => (first + n) % channels);
}

export const settingsOf = ({ jitter }: StepCase): Omit<AscendSettings, 'steps'> => ({
  objective: 'center',
  learningRate: cases.learningRate,
  size: cases.size,
  transforms: { jitter, scales: cases.scales, angles: cases.angles },
});

export const targetsOf = ({ tap, channels }: StepCase): Target[] =>
  channels.map((channel) => ({ channel, name: `bench/${tap.name}:${channel}`, seed: 0 }));
