// Fig. 5: the share of channels that pass the criteria, with the mix ratio's and without. Bars are the first seed,
// whiskers reach from the lowest to the highest share of all seeds.

import type { TopLevelSpec } from 'vega-lite';
import type { Invariance } from '../measurements.ts';
import type { BlockMetrics } from '../metrics.ts';
import { short } from '../numberText.ts';
import type { InvarianceResult } from '../scaleInvariance.ts';
import { COLOURS, CONFIG, type Figure, SCHEMA, whiskers } from './figure.ts';

/** Undefined when no block was measured with this transform. */
export function percentFigure(blocks: readonly BlockMetrics[], kind: Invariance): Figure | undefined {
  const measured = blocks.filter(({ seeds }) => seeds[0].invariance[kind]);
  if (measured.length === 0) return undefined;
  const values = measured.flatMap((block) => [
    share(block, kind, 'all criteria', (result) => result.percent),
    share(block, kind, 'without the mix ratio', (result) => result.percentWithoutMix),
  ]);
  return {
    name: kind === 'scale' ? 'fig5-invariance' : 'flip-invariance',
    source: kind === 'scale' ? 'Fig. 5' : 'released code',
    title:
      kind === 'scale' ? 'How many channels are scale invariant?' : 'The same criteria for mirrored images',
    caption:
      `Percent of a block's channels that meet the criteria ${kind === 'scale' ? 'of scale invariance' : 'with a flip in place of the zoom'} ` +
      '(purple), and that meet them when any mix ratio will do (yellow). Bars: the first seed. Whiskers: the lowest ' +
      'and highest share over seeds.',
    spec: percentSpec(values),
  };
}

function percentSpec(values: ReturnType<typeof share>[]): TopLevelSpec {
  const domain = ['all criteria', 'without the mix ratio'];
  const scale = { domain, range: [COLOURS.passes, COLOURS.withoutMix] };
  const bars = {
    mark: { type: 'bar' },
    encoding: {
      y: { field: 'percent', type: 'quantitative', title: '% of channels' },
      color: { field: 'criteria', type: 'nominal', title: null, scale, legend: { symbolType: 'square' } },
      description: { field: 'label' },
    },
  };
  return {
    $schema: SCHEMA,
    config: CONFIG,
    width: { step: 36 },
    height: 220,
    data: { values },
    encoding: {
      x: { field: 'block', type: 'ordinal', title: 'block', axis: { labelAngle: 0 } },
      xOffset: { field: 'criteria', sort: domain },
    },
    layer: [bars, whiskers()],
  } as unknown as TopLevelSpec;
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
