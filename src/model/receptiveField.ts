// Exact receptive fields. What a target needs is propagated backwards, layer by layer, as an interval of each
// layer's rows (frames are square, columns are the same), and clipped to the layer. Computing only these windows
// gives the same numbers as computing everything: a convolution over a window is the same convolution with other
// padding, because a window that ends inside the frame needs none and one that ends at the border needs the frame's.
//
// A filter of size k, stride s and padding p reads rows start*s - p to (end-1)*s - p + k of its input.

import { StreamscopeError } from '../error.ts';
import type { Block, Network } from './network.ts';

/** Rows (and columns) start to end-1. */
export interface Interval {
  start: number;
  end: number;
}

export interface Filter {
  size: number;
  stride: number;
  pad: number;
}

export const STEM: Filter = { size: 7, stride: 2, pad: 3 };
export const POOL: Filter = { size: 3, stride: 2, pad: 1 };
export const convolutions = (
  block: Pick<Block, 'stride'>,
): { conv1: Filter; conv2: Filter; bypass: Filter } => ({
  conv1: { size: 3, stride: block.stride, pad: 1 },
  conv2: { size: 3, stride: 1, pad: 1 },
  bypass: { size: 1, stride: block.stride, pad: 0 },
});

/** Rows of the layer behind a filter: floor((n + 2p - k) / s) + 1. */
const frameAfter = (frame: number, { size, stride, pad }: Filter): number =>
  Math.floor((frame + 2 * pad - size) / stride) + 1;

/** Rows of every place for an input of `input` rows: "input", "conv1", "maxpool", and of each block conv1, I, B, O. */
export function framesOf(network: Network, input: number): Map<string, number> {
  const conv1 = frameAfter(input, STEM);
  let frame = frameAfter(conv1, POOL);
  const frames = new Map([
    ['input', input],
    ['conv1', conv1],
    ['maxpool', frame],
  ]);
  for (const block of network.blocks) {
    frame = frameAfter(frame, convolutions(block).conv1);
    for (const part of ['conv1', 'I', 'B', 'O']) frames.set(`${block.name}.${part}`, frame);
  }
  return frames;
}

/** The unit in the middle, as the study counts: floor(n / 2). */
export const centreOf = (frame: number): Interval => ({
  start: Math.floor(frame / 2),
  end: Math.floor(frame / 2) + 1,
});

export const sizeOf = ({ start, end }: Interval): number => end - start;

/** What the filter reads to compute `output`, clipped to the frame it reads from. */
export const readBy = (output: Interval, { size, stride, pad }: Filter, frame: number): Interval => ({
  start: Math.max(0, output.start * stride - pad),
  end: Math.min(frame, (output.end - 1) * stride - pad + size),
});

/** The padding that makes a filter turn exactly the window `input` into the window `output`, before and after. */
export function paddingBetween(
  input: Interval,
  output: Interval,
  { size, stride, pad }: Filter,
): [number, number] {
  const before = input.start + pad - output.start * stride;
  const after = (sizeOf(output) - 1) * stride + size - sizeOf(input) - before;
  return [before, after];
}

/** A place and what is wanted of it. */
export interface Target {
  place: string;
  region: 'centre' | 'all';
}

/** Windows of every place that must be computed for some targets. */
export interface Layout {
  network: Network;
  /** rows of the network's input */
  frame: number;
  /** by place, only those that are needed */
  windows: ReadonlyMap<string, Interval>;
  /** places whose values are wanted for themselves */
  targets: ReadonlySet<string>;
}

/** What must be computed, and where, to know the targets for an input of `frame` rows. */
export function layoutOf(network: Network, frame: number, targets: readonly Target[]): Layout {
  const frames = framesOf(network, frame);
  const windows = new Map<string, Interval>();
  const need = (place: string, { start, end }: Interval) => {
    const known = windows.get(place);
    windows.set(place, {
      start: Math.min(start, known?.start ?? start),
      end: Math.max(end, known?.end ?? end),
    });
  };
  for (const { place, region } of targets) {
    const size = frames.get(place);
    if (size === undefined)
      throw new StreamscopeError('bug', `layoutOf: ${network.name} has no place ${place}.`);
    need(place, region === 'centre' ? centreOf(size) : { start: 0, end: size });
  }
  const through = (output: string, filter: Filter, input: string) => {
    const window = windows.get(output);
    if (window) need(input, readBy(window, filter, frames.get(input)!));
  };
  for (let i = network.blocks.length - 1; i >= 0; i--) {
    const block = network.blocks[i];
    const filters = convolutions(block);
    const input = i === 0 ? 'maxpool' : `${network.blocks[i - 1].name}.O`;
    const sum = windows.get(`${block.name}.O`);
    if (sum) {
      need(`${block.name}.B`, sum);
      need(block.downsample ? `${block.name}.I` : input, sum);
    }
    through(`${block.name}.B`, filters.conv2, `${block.name}.conv1`);
    through(`${block.name}.conv1`, filters.conv1, input);
    if (block.downsample) through(`${block.name}.I`, filters.bypass, input);
  }
  through('maxpool', POOL, 'conv1');
  through('conv1', STEM, 'input');
  return { network, frame, windows, targets: new Set(targets.map(({ place }) => place)) };
}

/** Rows of a place's window: what a tensor of it has. */
export const rowsOf = (layout: Layout, place: string): number => sizeOf(layout.windows.get(place)!);

/** Says whether two layouts need the very same kernels: windows of the same sizes with the same padding. */
export function layoutKey({ network, windows }: Layout): string {
  const pads: string[] = [];
  const add = (output: string, filter: Filter, input: string) => {
    const [to, from] = [windows.get(output), windows.get(input)];
    if (to && from)
      pads.push(`${output}:${sizeOf(from)}>${sizeOf(to)}@${paddingBetween(from, to, filter)[0]}`);
  };
  add('conv1', STEM, 'input');
  add('maxpool', POOL, 'conv1');
  network.blocks.forEach((block, i) => {
    const filters = convolutions(block);
    const input = i === 0 ? 'maxpool' : `${network.blocks[i - 1].name}.O`;
    add(`${block.name}.conv1`, filters.conv1, input);
    add(`${block.name}.B`, filters.conv2, `${block.name}.conv1`);
    add(`${block.name}.I`, filters.bypass, input);
    const [sum, bypass] = [windows.get(`${block.name}.O`), windows.get(input)];
    if (sum && bypass && !block.downsample) pads.push(`${block.name}.O@${sum.start - bypass.start}`);
  });
  return pads.join(' ');
}
