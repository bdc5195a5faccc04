// Beyond the study: the scale metric of every channel that passes the criteria with any seed, its range over seeds, and
// how often it passes.

import type { BlockMetrics } from '../metrics.ts';
import { short } from '../numberText.ts';
import { publishedOf } from '../published.ts';
import { COLOURS, type Figure, type Link, type Panel, panels } from './figure.ts';

/** Undefined when no channel of any block passes with any seed. */
export function metricFigure(blocks: readonly BlockMetrics[], link: Link): Figure | undefined {
  const list = blocks
    .map((block) => metricPanel(block, publishedOf(block)?.robust ?? [], link))
    .filter((panel) => panel !== undefined);
  if (list.length === 0) return undefined;
  return {
    name: 'scale-metric',
    source: 'beyond the study',
    title: 'Which channels pass, and how surely?',
    caption:
      'Every channel that passes the three criteria of scale invariance with at least one seed, by its mean scale ' +
      'metric; the line is its range over seeds, the colour the share of seeds with which it passes. Rings mark the ' +
      'channels of the study (Fig. 7).',
    spec: panels(list, 1),
  };
}

/** The channels that pass with any seed and have a metric. */
function metricRows(block: BlockMetrics, published: readonly number[], link: Link) {
  const { seeds, invariance } = block.spread;
  const { channels, ever } = invariance.scale!;
  return ever.flatMap((channel) => {
    const { metric, rates } = channels[channel];
    const metrics = block.seeds.flatMap((seed) => seed.invariance.scale?.channels[channel].metric ?? []);
    if (metric.mean === null) return [];
    const href = link(block.block, channel);
    const passes = `passes with ${Math.round(rates.passes * seeds)} of ${seeds} seeds`;
    return {
      channel: String(channel),
      mean: metric.mean,
      low: Math.min(...metrics),
      high: Math.max(...metrics),
      rate: Math.round(100 * rates.passes),
      published: published.includes(channel),
      label: `${block.block} channel ${channel}: SM ${short(metric.mean)}, ${passes}`,
      ...(href && { href }),
    };
  });
}

const RATE_COLOUR = {
  field: 'rate',
  type: 'quantitative',
  title: '% of seeds that pass',
  scale: { domain: [0, 100], range: ['#d9cfe6', COLOURS.passes] },
};

function metricPanel(block: BlockMetrics, published: readonly number[], link: Link): Panel | undefined {
  const spread = block.spread.invariance.scale;
  if (!spread || spread.ever.length === 0) return undefined;
  const values = metricRows(block, published, link);
  const sort = { field: 'mean', order: 'descending' };
  const x = { field: 'channel', type: 'nominal', title: 'channel', sort, axis: { labelAngle: -60 } };
  const y = { field: 'mean', type: 'quantitative', title: 'scale metric SM' };
  const range = {
    mark: { type: 'rule', color: COLOURS.soft, strokeWidth: 2 },
    encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' } },
  };
  const rings = {
    transform: [{ filter: 'datum.published' }],
    mark: { type: 'point', size: 170, color: COLOURS.ink, strokeWidth: 1.5, filled: false },
    encoding: { x, y },
  };
  const points = {
    mark: { type: 'circle', size: 64, opacity: 1 },
    encoding: { x, y, color: RATE_COLOUR, description: { field: 'label' }, href: { field: 'href' } },
  };
  return {
    title: {
      text: `Block ${block.block}`,
      subtitle: `${spread.always.length} pass with every seed, ${spread.ever.length} with any`,
    },
    width: { step: values.length > 60 ? 12 : 17 },
    height: 170,
    data: { values },
    layer: [range, rings, points],
  };
}
