// Figure 2 of arXiv 2504.16290: accuracy without the scale-invariant channels over accuracy without random ones, by
// scale. Below the line of the unscaled images, the scale-invariant channels matter more for scaled ones.

import type { AblationSummary } from '../ablationSummary.ts';
import { short } from '../numberText.ts';
import { COLOURS, type Figure, type Panel, panels } from './figure.ts';

/** Undefined without a single ratio. */
export function ablationFigure(summaries: readonly AblationSummary[]): Figure | undefined {
  const list = summaries.map(ablationPanel).filter((panel) => panel !== undefined);
  if (list.length === 0) return undefined;
  return {
    name: 'ablation',
    source: 'Fig. 2 of arXiv 2504.16290',
    title: 'Do scale-invariant channels matter more for scaled images?',
    caption:
      'Top-1 accuracy with the scale-invariant channels replaced, over that with as many random others replaced: mean ' +
      'over accepted random draws, whiskers one standard error. The blue line is the ratio without scaling; points ' +
      'below it mean that scaled images suffer more.',
    spec: panels(list, Math.min(list.length, 3)),
  };
}

function ablationPanel({ block, replacement, ratios }: AblationSummary): Panel | undefined {
  const rows = ratios.flatMap(({ scale, mean, standardError, n }) =>
    mean === null
      ? []
      : {
          scale: short(scale),
          unscaled: scale === 1,
          mean,
          low: mean - (standardError ?? 0),
          high: mean + (standardError ?? 0),
          label: `scale ${short(scale)}: ${short(mean)} ± ${short(standardError)} (${n} draws)`,
        },
  );
  const scaled = rows.filter(({ unscaled }) => !unscaled);
  if (scaled.length === 0) return undefined;
  const floor = Math.min(...rows.map(({ low }) => low));
  const ceiling = Math.max(...rows.map(({ high }) => high), 1);
  const margin = (ceiling - floor) / 5;
  const y = {
    type: 'quantitative',
    title: 'ratio of accuracies',
    scale: { domain: [Math.max(0, floor - margin), ceiling + margin / 2], zero: false },
  };
  const x = { field: 'scale', type: 'ordinal', title: 'scale', axis: { labelAngle: 0 } };
  return {
    title: { text: `Block ${block}`, subtitle: `replaced by ${replacement}` },
    width: { step: 42 },
    height: 200,
    layer: [
      {
        data: { values: scaled },
        mark: { type: 'circle', size: 110, opacity: 1, color: COLOURS.overwrite },
        encoding: { x, y: { ...y, field: 'mean' }, description: { field: 'label' } },
      },
      {
        data: { values: scaled },
        mark: { type: 'rule', color: COLOURS.ink },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, description: { field: 'label' } },
      },
      {
        data: { values: rows.filter(({ unscaled }) => unscaled) },
        mark: { type: 'rule', color: COLOURS.skip, strokeWidth: 2 },
        encoding: { y: { ...y, field: 'mean' }, description: { field: 'label' } },
      },
    ],
  };
}
