// One point per channel that has a mix ratio and a value, with its tooltip and its link.

import type { BlockMetrics } from '../metrics.ts';
import { groupOf } from '../mixRatio.ts';
import { short } from '../numberText.ts';
import type { Link } from './figure.ts';

export interface ChannelPoint {
  channel: number;
  /** clamped */
  mix: number;
  value: number;
  group: 'overwrite' | 'skip' | 'neither';
  label: string;
  href?: string;
}

/** Mix ratios of the first seed beside `values`; channels without either are left out. */
export function channelPoints(
  { block, seeds, reading }: BlockMetrics,
  values: readonly (number | null)[],
  what: string,
  link: Link,
): ChannelPoint[] {
  return seeds[0].mix.flatMap((ratio, channel) => {
    const value = values[channel];
    if (ratio.value === null || value === null) return [];
    const href = link(block, channel);
    return [
      {
        channel,
        mix: Math.min(ratio.value, reading.clamp),
        value,
        group: groupOf(ratio, reading) ?? 'neither',
        label: `${block} channel ${channel}: M ${short(ratio.value)}, ${what} ${short(value)}`,
        ...(href && { href }),
      },
    ];
  });
}
