// Fig. 2: how many channels of each block overwrite (M near 0), mix (near 1) or skip (large). Bars are the first seed,
// whiskers reach from the lowest to the highest count of all seeds.

import type { BlockMetrics } from '../metrics.ts';
import { BIN } from '../mixRatio.ts';
import { COLOURS, type Figure, type Panel, panels, whiskers } from './figure.ts';

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

/** The bars of the first seed, with the lowest and highest count of all. */
function binsOf({ seeds, reading }: BlockMetrics) {
  const width = reading.clamp / seeds[0].histogram.length;
  return seeds[0].histogram.map((count, bin) => {
    const counts = seeds.map((seed) => seed.histogram[bin]);
    const [low, high] = [Math.min(...counts), Math.max(...counts)];
    const [from, to] = [bin * width, (bin + 1) * width];
    const overSeeds = seeds.length > 1 ? `, ${low} to ${high} over ${seeds.length} seeds` : '';
    const label = `M ${from} to ${to}: ${count}${overSeeds}`;
    return { from, to, middle: (from + to) / 2, count, low, high, label };
  });
}

function spectrumPanel(block: BlockMetrics): Panel {
  const values = binsOf(block);
  const counted = values.reduce((sum, { count }) => sum + count, 0);
  const without = block.channels - counted;
  const scale = { domain: [0, block.reading.clamp], nice: false };
  const x = { type: 'quantitative', title: 'mix ratio M', scale };
  const bars = {
    mark: { type: 'bar', color: COLOURS.skip, opacity: 0.85 },
    encoding: {
      x: { ...x, field: 'from', bin: { binned: true, step: BIN } },
      x2: { field: 'to' },
      y: { field: 'count', type: 'quantitative', title: 'channels', scale: { nice: true } },
      description: { field: 'label' },
    },
  };
  const one = {
    mark: { type: 'rule', strokeDash: [3, 3], color: COLOURS.none },
    encoding: { x: { ...x, datum: 1 } },
  };
  return {
    title: {
      text: `Block ${block.block}`,
      subtitle: `${counted} channels${without ? `, ${without} without a ratio` : ''}`,
    },
    width: 220,
    height: 150,
    data: { values },
    layer: [bars, whiskers({ x: { ...x, field: 'middle' } }), one],
  };
}
