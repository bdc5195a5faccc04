// Fig. 5: the share of channels that pass the criteria, with the mix ratio's and without; and, beyond the study, the
// scale metric of every channel that passes with any seed, as it varies over seeds.

import type { TopLevelSpec } from 'vega-lite';
import type { Invariance } from '../measurements.ts';
import type { BlockMetrics } from '../metrics.ts';
import { short } from '../numberText.ts';
import type { InvarianceResult } from '../scaleInvariance.ts';
import { COLOURS, CONFIG, type Figure, type Link, type Panel, panels } from './figure.ts';

/** Undefined when no block was measured with this transform. */
export function percentFigure(blocks: readonly BlockMetrics[], kind: Invariance): Figure | undefined {
  const measured = blocks.filter(({ seeds }) => seeds[0].invariance[kind]);
  if (measured.length === 0) return undefined;
  const values = measured.flatMap((block) => [
    share(block, kind, 'all criteria', (result) => result.percent),
    share(block, kind, 'without the mix ratio', (result) => result.percentWithoutMix),
  ]);
  const scale = {
    domain: ['all criteria', 'without the mix ratio'],
    range: [COLOURS.passes, COLOURS.withoutMix],
  };
  const offset = { field: 'criteria', sort: scale.domain };
  const x = { field: 'block', type: 'ordinal', title: 'block', axis: { labelAngle: 0 } };
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    config: CONFIG,
    width: { step: 36 },
    height: 220,
    data: { values },
    encoding: { x, xOffset: offset },
    layer: [
      {
        mark: { type: 'bar' },
        encoding: {
          y: { field: 'percent', type: 'quantitative', title: '% of channels' },
          color: { field: 'criteria', type: 'nominal', title: null, scale, legend: { symbolType: 'square' } },
          description: { field: 'label' },
        },
      },
      {
        transform: [{ filter: 'datum.high > datum.low' }],
        mark: { type: 'rule', color: COLOURS.ink },
        encoding: {
          y: { field: 'low', type: 'quantitative' },
          y2: { field: 'high' },
          description: { field: 'label' },
        },
      },
    ],
  } as unknown as TopLevelSpec;
  return {
    name: kind === 'scale' ? 'fig5-invariance' : 'flip-invariance',
    source: kind === 'scale' ? 'Fig. 5' : 'released code',
    title:
      kind === 'scale' ? 'How many channels are scale invariant?' : 'The same criteria for mirrored images',
    caption:
      `Percent of a block's channels that meet the criteria ${kind === 'scale' ? 'of scale invariance' : 'with a flip in place of the zoom'} ` +
      '(purple), and that meet them when any mix ratio will do (yellow). Bars: the first seed. Whiskers: the lowest ' +
      'and highest share over seeds.',
    spec,
  };
}

function share(
  { block, channels, seeds }: BlockMetrics,
  kind: Invariance,
  criteria: string,
  of: (result: InvarianceResult) => number,
) {
  const percents = seeds.flatMap(({ invariance }) => (invariance[kind] ? [of(invariance[kind])] : []));
  const [low, high] = [Math.min(...percents), Math.max(...percents)];
  const count = Math.round((percents[0] * channels) / 100);
  const range = seeds.length > 1 ? `; ${short(low)} to ${short(high)} % over seeds` : '';
  return {
    block,
    criteria,
    percent: percents[0],
    low,
    high,
    label: `block ${block}, ${criteria}: ${count} of ${channels} (${short(percents[0])} %)${range}`,
  };
}

/** Undefined when no channel of any block passes with any seed. */
export function metricFigure(
  blocks: readonly BlockMetrics[],
  published: (block: string) => readonly number[],
  link: Link,
): Figure | undefined {
  const list = blocks
    .map((block) => metricPanel(block, published(block.block), link))
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

function metricPanel(block: BlockMetrics, published: readonly number[], link: Link): Panel | undefined {
  const spread = block.spread.invariance.scale;
  if (!spread || spread.ever.length === 0) return undefined;
  const values = spread.ever.flatMap((channel) => {
    const metrics = block.seeds.flatMap(({ invariance }) => invariance.scale?.channels[channel].metric ?? []);
    const { metric, rates } = spread.channels[channel];
    if (metric.mean === null) return [];
    const href = link(block.block, channel);
    return {
      channel: String(channel),
      mean: metric.mean,
      low: Math.min(...metrics),
      high: Math.max(...metrics),
      rate: Math.round(100 * rates.passes),
      published: published.includes(channel),
      label: `${block.block} channel ${channel}: SM ${short(metric.mean)}, passes with ${Math.round(rates.passes * block.spread.seeds)} of ${block.spread.seeds} seeds`,
      ...(href && { href }),
    };
  });
  const x = {
    field: 'channel',
    type: 'nominal',
    title: 'channel',
    sort: { field: 'mean', order: 'descending' },
    axis: { labelAngle: -60 },
  };
  const y = { type: 'quantitative', title: 'scale metric SM' };
  const described = { description: { field: 'label' }, href: { field: 'href' } };
  return {
    title: {
      text: `Block ${block.block}`,
      subtitle: `${spread.always.length} pass with every seed, ${spread.ever.length} with any`,
    },
    width: { step: values.length > 60 ? 12 : 17 },
    height: 170,
    data: { values },
    layer: [
      {
        mark: { type: 'rule', color: COLOURS.soft, strokeWidth: 2 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' } },
      },
      {
        transform: [{ filter: 'datum.published' }],
        mark: { type: 'point', size: 170, color: COLOURS.ink, strokeWidth: 1.5, filled: false },
        encoding: { x, y: { ...y, field: 'mean' } },
      },
      {
        mark: { type: 'circle', size: 64, opacity: 1 },
        encoding: {
          x,
          y: { ...y, field: 'mean' },
          color: {
            field: 'rate',
            type: 'quantitative',
            title: '% of seeds that pass',
            scale: { domain: [0, 100], range: ['#d9cfe6', COLOURS.passes] },
          },
          ...described,
        },
      },
    ],
  };
}
