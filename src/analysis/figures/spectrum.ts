// Fig. 2: how many channels of each block overwrite (M near 0), mix (near 1) or skip (large). Bars are the first seed,
// whiskers reach from the lowest to the highest count of all seeds.

import type { BlockMetrics } from '../metrics.ts';
import { COLOURS, type Figure, type Panel, panels } from './figure.ts';

export function spectrumFigure(blocks: readonly BlockMetrics[]): Figure {
  return {
    name: 'fig2-spectrum',
    source: 'Fig. 2',
    title: 'The skip-overwrite spectrum',
    caption:
      'Mix ratios of all channels, block by block, in bins of 0.25. Below 1 the block overwrites its input, near 1 the ' +
      'output mixes both, above 1 the input skips to the output; everything beyond the clamp is in the last bin. ' +
      'Bars: the first seed. Whiskers: the lowest and highest count over seeds.',
    spec: panels(blocks.map(spectrumPanel), Math.min(blocks.length, 4)),
  };
}

function spectrumPanel({ block, channels, seeds, reading }: BlockMetrics): Panel {
  const width = reading.clamp / seeds[0].histogram.length;
  const values = seeds[0].histogram.map((count, bin) => {
    const counts = seeds.map((seed) => seed.histogram[bin]);
    const [low, high] = [Math.min(...counts), Math.max(...counts)];
    const [from, to] = [bin * width, (bin + 1) * width];
    const seedsSay = seeds.length > 1 ? `, ${low} to ${high} over ${seeds.length} seeds` : '';
    return {
      from,
      to,
      middle: (from + to) / 2,
      count,
      low,
      high,
      label: `M ${from} to ${to}: ${count}${seedsSay}`,
    };
  });
  const counted = seeds[0].histogram.reduce((sum, count) => sum + count, 0);
  const without = channels - counted;
  const x = {
    type: 'quantitative',
    title: 'mix ratio M',
    scale: { domain: [0, reading.clamp], nice: false },
  };
  return {
    title: {
      text: `Block ${block}`,
      subtitle: `${counted} channels${without ? `, ${without} without a ratio` : ''}`,
    },
    width: 220,
    height: 150,
    data: { values },
    layer: [
      {
        mark: { type: 'bar', color: COLOURS.skip, opacity: 0.85 },
        encoding: {
          x: { ...x, field: 'from', bin: { binned: true, step: width } },
          x2: { field: 'to' },
          y: { field: 'count', type: 'quantitative', title: 'channels', scale: { nice: true } },
          description: { field: 'label' },
        },
      },
      {
        transform: [{ filter: 'datum.high > datum.low' }],
        mark: { type: 'rule', color: COLOURS.ink },
        encoding: {
          x: { ...x, field: 'middle' },
          y: { field: 'low', type: 'quantitative' },
          y2: { field: 'high' },
          description: { field: 'label' },
        },
      },
      {
        mark: { type: 'rule', strokeDash: [3, 3], color: COLOURS.none },
        encoding: { x: { ...x, datum: 1, type: 'quantitative' } },
      },
    ],
  };
}
