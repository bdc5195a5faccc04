// How O answers its own image as it is zoomed, for channels that pass the criteria and for the others: the diagnostic
// of the released code. Undefined without images of O.

import type { BlockMetrics } from '../metrics.ts';
import { short } from '../numberText.ts';
import { summarize } from '../stats.ts';
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

function tuningPanel(block: BlockMetrics): Panel | undefined {
  const { tuning, invariance } = block.seeds[0];
  const curves = tuning?.filter(({ curve }) => curve !== null) ?? [];
  if (curves.length === 0) return undefined;
  const passing = new Set(invariance.scale?.passing ?? []);
  const groups = [
    ['scale invariant', curves.filter(({ channel }) => passing.has(channel))],
    ['other', curves.filter(({ channel }) => !passing.has(channel))],
  ] as const;
  const values = groups.flatMap(([group, members]) =>
    members.length === 0
      ? []
      : block.tuningScales.map((scale, i) => {
          const { mean, standardError, n } = summarize(members.map(({ curve }) => curve![i]));
          const error = standardError ?? 0;
          return {
            group,
            scale,
            mean: mean!,
            low: mean! - error,
            high: mean! + error,
            label: `${group}, scale ${short(scale)}: ${short(mean)} (${n} channels)`,
          };
        }),
  );
  const color = {
    field: 'group',
    type: 'nominal',
    title: null,
    scale: { domain: ['scale invariant', 'other'], range: [COLOURS.passes, COLOURS.none] },
  };
  const x = { field: 'scale', type: 'quantitative', title: 'scale', scale: { zero: false, nice: false } };
  const y = { type: 'quantitative', title: 'O, share of its peak' };
  const members = groups.map(([, list]) => list.length);
  return {
    title: { text: `Block ${block.block}`, subtitle: `${members[0]} scale invariant, ${members[1]} others` },
    width: 240,
    height: 180,
    data: { values },
    layer: [
      {
        mark: { type: 'area', opacity: 0.2 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
      },
      { mark: { type: 'line' }, encoding: { x, y: { ...y, field: 'mean' }, color } },
      {
        mark: { type: 'circle', size: 28 },
        encoding: { x, y: { ...y, field: 'mean' }, color, description: { field: 'label' } },
      },
    ],
  };
}
