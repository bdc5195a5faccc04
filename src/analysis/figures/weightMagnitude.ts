// Fig. 3: weight magnitude against mix ratio, the second batch norm above, the second convolution below.

import type { BlockMetrics } from '../metrics.ts';
import { short, shortP } from '../numberText.ts';
import { COLOURS, type Figure, type Link, type Panel, panels } from './figure.ts';
import { channelPoints } from './points.ts';

const LAYERS = [
  ['batchNorm', '|batch norm weight|'],
  ['convolution', 'mean |conv. weight|'],
] as const;

/** Undefined when the weights of all blocks are folded. */
export function weightFigure(all: readonly BlockMetrics[], link: Link): Figure | undefined {
  const blocks = all.filter(({ seeds }) => !seeds[0].weights.folded);
  if (blocks.length === 0) return undefined;
  return {
    name: 'fig3-weights',
    source: 'Fig. 3',
    title: 'Do channels that skip have small weights?',
    caption:
      'Every point is a channel: its mix ratio (clamped) and the magnitude of its weights in the last two layers of the ' +
      'block, as trained. rho is the rank correlation of Spearman, p two-sided; the range is that of rho over seeds. ' +
      'The study shows blocks 1.1, 2.1 and 3.1. Blocks whose batch norm the weights file has folded are not drawn.',
    spec: panels(
      LAYERS.flatMap(([layer, axis]) => blocks.map((block) => weightPanel(block, layer, axis, link))),
      blocks.length,
    ),
  };
}

function weightPanel(
  block: BlockMetrics,
  layer: 'batchNorm' | 'convolution',
  axis: string,
  link: Link,
): Panel {
  const { rho, p } = block.seeds[0].weights[layer];
  const all = block.seeds.map((seed) => seed.weights[layer].rho).filter((value) => value !== null);
  const range = all.length > 1 ? `; ${short(Math.min(...all))} to ${short(Math.max(...all))} over seeds` : '';
  const values = channelPoints(block, block.weightMagnitude[layer], axis, link);
  return {
    title: { text: `Block ${block.block}`, subtitle: `rho = ${short(rho)}, p ${shortP(p)}${range}` },
    width: 260,
    height: 190,
    data: { values },
    mark: { type: 'circle', size: 34, color: COLOURS.skip, opacity: 0.7 },
    encoding: {
      x: {
        field: 'mix',
        type: 'quantitative',
        title: 'mix ratio M',
        scale: { domain: [0, block.reading.clamp] },
      },
      y: { field: 'value', type: 'quantitative', title: axis, scale: { zero: false } },
      description: { field: 'label' },
      href: { field: 'href' },
    },
  };
}
