// Figure 2 of arXiv 2504.16290: accuracy without the scale-invariant channels over accuracy without random ones, by
// scale. Below the line of the unscaled images, the scale-invariant channels matter more for scaled ones.

import type { AblationSummary } from '../ablationSummary.ts';
import { short } from '../numberText.ts';
import { COLOURS, type Figure, type Panel, panels, whiskers } from './figure.ts';

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

/** Scales with a ratio; low and high are one standard error away. */
const rowsOf = ({ ratios }: AblationSummary) =>
  ratios.flatMap(({ scale, mean, standardError, n }) => {
    if (mean === null) return [];
    const error = standardError ?? 0;
    const label = `scale ${short(scale)}: ${short(mean)} ± ${short(standardError)} (${n} draws)`;
    return { scale: short(scale), unscaled: scale === 1, mean, low: mean - error, high: mean + error, label };
  });

function ablationPanel(summary: AblationSummary): Panel | undefined {
  const rows = rowsOf(summary);
  const scaled = rows.filter(({ unscaled }) => !unscaled);
  if (scaled.length === 0) return undefined;
  const floor = Math.min(...rows.map(({ low }) => low));
  const ceiling = Math.max(...rows.map(({ high }) => high), 1);
  const margin = (ceiling - floor) / 5;
  const domain = [Math.max(0, floor - margin), ceiling + margin / 2];
  const y = { field: 'mean', type: 'quantitative', title: 'ratio of accuracies', scale: { domain } };
  const x = { field: 'scale', type: 'ordinal', title: 'scale', axis: { labelAngle: 0 } };
  const points = {
    data: { values: scaled },
    mark: { type: 'circle', size: 110, opacity: 1, color: COLOURS.overwrite },
    encoding: { x, y, description: { field: 'label' } },
  };
  const unscaled = {
    data: { values: rows.filter((row) => row.unscaled) },
    mark: { type: 'rule', color: COLOURS.skip, strokeWidth: 2 },
    encoding: { y, description: { field: 'label' } },
  };
  return {
    title: { text: `Block ${summary.block}`, subtitle: `replaced by ${summary.replacement}` },
    width: { step: 42 },
    height: 200,
    layer: [unscaled, points, { ...whiskers({ x }), data: { values: scaled } }],
  };
}
