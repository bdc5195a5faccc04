// How O answers its own image as it is zoomed, for channels that pass the criteria and for the others: the diagnostic
// of the released code. Undefined without images of O.

import type { BlockMetrics } from '../metrics.ts';
import { short } from '../numberText.ts';
import { summarize } from '../stats.ts';
import type { TuningCurve } from '../tuning.ts';
import { COLOURS, type Figure, type Panel, panels } from './figure.ts';

export function tuningFigure(blocks: readonly BlockMetrics[]): Figure | undefined {
  const list = blocks.map(tuningPanel).filter((panel) => panel !== undefined);
  if (list.length === 0) return undefined;
  return {
    name: 'tuning-curves',
    source: 'released code',
    title: 'What zooming does to the output',
    caption:
      "The output's answer to its own image, zoomed about the middle, as a share of the answer at the best scale. " +
      'Thick: the mean over channels with its standard error, purple for those that pass the criteria of scale ' +
      'invariance, grey for the others.',
    spec: panels(list, Math.min(list.length, 3)),
  };
}

/** Mean and standard error over the channels of a group, by scale. */
const meanCurve = (group: string, members: readonly TuningCurve[], scales: readonly number[]) =>
  scales.map((scale, i) => {
    const { mean, standardError, n } = summarize(members.map(({ curve }) => curve![i]));
    const error = standardError ?? 0;
    const label = `${group}, scale ${short(scale)}: ${short(mean)} (${n} channels)`;
    return { group, scale, mean: mean!, low: mean! - error, high: mean! + error, label };
  });

const GROUP_COLOUR = {
  field: 'group',
  type: 'nominal',
  title: null,
  scale: { domain: ['scale invariant', 'other'], range: [COLOURS.passes, COLOURS.none] },
};

function tuningPanel(block: BlockMetrics): Panel | undefined {
  const { tuning, invariance } = block.seeds[0];
  const curves = tuning?.filter(({ curve }) => curve !== null) ?? [];
  if (curves.length === 0) return undefined;
  const passing = new Set(invariance.scale?.passing ?? []);
  const invariant = curves.filter(({ channel }) => passing.has(channel));
  const others = curves.filter(({ channel }) => !passing.has(channel));
  const values = [
    ...(invariant.length > 0 ? meanCurve('scale invariant', invariant, block.tuningScales) : []),
    ...(others.length > 0 ? meanCurve('other', others, block.tuningScales) : []),
  ];
  const x = { field: 'scale', type: 'quantitative', title: 'scale', scale: { zero: false, nice: false } };
  const y = { field: 'mean', type: 'quantitative', title: 'O, share of its peak' };
  const encoding = { x, y, color: GROUP_COLOUR };
  return {
    title: {
      text: `Block ${block.block}`,
      subtitle: `${invariant.length} scale invariant, ${others.length} others`,
    },
    width: 240,
    height: 180,
    data: { values },
    layer: [
      {
        mark: { type: 'area', opacity: 0.2 },
        encoding: { ...encoding, y: { ...y, field: 'low' }, y2: { field: 'high' } },
      },
      { mark: { type: 'line' }, encoding },
      { mark: { type: 'circle', size: 28 }, encoding: { ...encoding, description: { field: 'label' } } },
    ],
  };
}
