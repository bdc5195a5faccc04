// Which number of a channel goes across the scatter and which goes up, and the points that come of it. Pure.

import { groupOf } from '../analysis/mixRatio.ts';
import { short } from '../analysis/numberText.ts';
import { STUDY } from '../analysis/readings.ts';
import type { Point } from './plots.ts';
import type { RunBlock } from './run.ts';

export interface Axis {
  id: string;
  title: string;
  /** by channel; null: the channel has none */
  values: readonly (number | null)[];
}

/** What can be drawn of a block: the magnitudes need weights or a run, the rest a run. */
export function axesOf(
  magnitudes: { batchNorm: readonly number[]; convolution: readonly number[] } | undefined,
  run: RunBlock | undefined,
): Axis[] {
  const weights = run?.weightMagnitude ?? magnitudes;
  const count = weights?.batchNorm.length ?? 0;
  const [seed] = run?.seeds ?? [];
  const mix = seed?.mix.map(({ value }) => (value === null ? null : Math.min(value, run!.reading.clamp)));
  const scale = seed?.invariance.scale?.channels.map(({ metric }) => metric);
  return [
    ...(mix ? [{ id: 'mix', title: 'mix ratio M', values: mix }] : []),
    ...(weights
      ? [
          { id: 'batchNorm', title: 'batch norm weight, |γ|', values: weights.batchNorm },
          { id: 'convolution', title: 'mean |w| of the second convolution', values: weights.convolution },
        ]
      : []),
    ...(scale ? [{ id: 'scale', title: 'scale metric', values: scale }] : []),
    ...(seed
      ? [{ id: 'inhibition', title: 'inhibition: B on the image of I', values: seed.inhibition.values }]
      : []),
    { id: 'channel', title: 'channel', values: Array.from({ length: count }, (_, channel) => channel) },
  ];
}

/** Channels that have both numbers. */
export function pointsOf(block: string, x: Axis, y: Axis, run: RunBlock | undefined): Point[] {
  return x.values.flatMap((across, channel) => {
    const up = y.values[channel];
    if (across === null || up === null || up === undefined) return [];
    const ratio = run?.seeds[0].mix[channel];
    const group = run && ratio ? (groupOf(ratio, { ...STUDY, ...run.reading }) ?? 'neither') : 'neither';
    const named = ({ id, title }: Axis, value: number) =>
      id === 'channel' ? [] : [`${title} ${short(value)}`];
    const label = [`Block ${block} channel ${channel}`, ...named(x, across), ...named(y, up)].join(', ');
    return [{ channel, x: across, y: up, group, label }];
  });
}

/** The channel `by` places further along the axis, where `from` is now. */
export function neighbour(points: readonly Point[], from: number, by: number): number {
  const order = [...points].sort((a, b) => a.x - b.x || a.channel - b.channel);
  const at = order.findIndex(({ channel }) => channel === from);
  return (order[Math.max(0, Math.min(order.length - 1, at + by))] ?? { channel: from }).channel;
}
