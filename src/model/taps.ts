// Places in the residual stream. Of every block: I, what bypasses it; B, what its second batch norm adds; O, the
// sum, read before its ReLU. A tap's name is the block's and one of the three: 1.1.B.
//
// I of a block without downsample is the sum that the block before it made, before its ReLU: 1.1.I and 1.0.O are
// two names of one place, and have the same image. I of the very first block is the max pool's output.

import { StreamscopeError } from '../error.ts';
import { closest } from './closest.ts';
import type { Block, Network } from './network.ts';

export type Role = 'I' | 'B' | 'O';

export interface Tap {
  /** as in the study: "1.1.I" */
  name: string;
  block: Block;
  role: Role;
  /** the place it reads: "maxpool", or a block's name with I (downsample only), B or O */
  place: string;
  /** torchvision's module at that place: folders are named after it */
  module: string;
  channels: number;
}

/** All taps of a network, in the order the signal passes them. */
export function tapsOf(network: Network): Tap[] {
  return network.blocks.flatMap((block, i) => {
    const before = network.blocks[i - 1];
    const bypass = block.downsample
      ? { place: `${block.name}.I`, module: `${block.module}.downsample.1`, channels: block.channels }
      : before
        ? { place: `${before.name}.O`, module: before.module, channels: before.channels }
        : { place: 'maxpool', module: 'maxpool', channels: network.width };
    const { name, module, channels } = block;
    return [
      { name: `${name}.I`, block, role: 'I' as const, ...bypass },
      { name: `${name}.B`, block, role: 'B' as const, place: `${name}.B`, module: `${module}.bn2`, channels },
      { name: `${name}.O`, block, role: 'O' as const, place: `${name}.O`, module, channels },
    ];
  });
}

/** The tap called `name`, by the study's name or torchvision's module (layer1.1.bn2, layer2.0.downsample.1, layer1.1). */
export function findTap(network: Network, name: string): Tap {
  const taps = tapsOf(network);
  const bare = name.replace(/\.prerelu(_out)?$/, '');
  const found =
    taps.find((tap) => tap.name.toLowerCase() === bare.toLowerCase()) ??
    taps.find((tap) => tap.module === bare && tap.role !== 'I') ??
    taps.find((tap) => tap.module === bare);
  if (found) return found;
  const names = taps.flatMap((tap) => (bare.startsWith('layer') ? [tap.module] : [tap.name]));
  throw new StreamscopeError(
    'usage',
    `There is no tap called ${name} in ${network.name}.`,
    closest(name, [...new Set(names)]),
  );
}

/** A channel of a tap. */
export interface Unit {
  tap: Tap;
  channel: number;
}

/** "1.1.B:19" */
export const unitName = ({ tap, channel }: Unit): string => `${tap.name}:${channel}`;

const UNIT = /^(?<tap>[^:]+):(?<first>\d+)(?:-(?<last>\d+))?$/;

/** Reads "1.1.B:0-63,2.1.O:108"; units at the same place are listed once, in the order given. */
export function parseUnits(network: Network, text: string): Unit[] {
  const units = new Map<string, Unit>();
  for (const item of text.split(',').map((part) => part.trim())) {
    const groups = UNIT.exec(item)?.groups;
    if (!groups) {
      const hint =
        'Write a tap and a channel, as in 1.1.B:19, or a range, as in 1.1.B:0-63; separate them by commas.';
      throw new StreamscopeError('usage', `"${item}" is not a unit.`, hint);
    }
    const tap = findTap(network, groups.tap);
    const [first, last] = [Number(groups.first), Number(groups.last ?? groups.first)];
    if (last < first || last >= tap.channels) {
      throw new StreamscopeError(
        'usage',
        `"${item}" asks for channels that ${tap.name} does not have.`,
        `${tap.name} has channels 0-${tap.channels - 1}.`,
      );
    }
    for (let channel = first; channel <= last; channel++) {
      const key = `${tap.place}:${channel}`;
      if (!units.has(key)) units.set(key, { tap, channel });
    }
  }
  return [...units.values()];
}
