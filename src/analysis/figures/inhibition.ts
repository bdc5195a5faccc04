// Fig. 4: does the block inhibit what its input likes? Above, B on the image of I; below, the rank correlation of B
// with I over photographs that excite I. Lines: the means of overwrite and skip channels.

import type { GroupComparison } from '../inhibition.ts';
import type { BlockMetrics } from '../metrics.ts';
import { short, shortP } from '../numberText.ts';
import { COLOURS, type Figure, type Link, type Panel, panels } from './figure.ts';
import { channelPoints } from './points.ts';

export function inhibitionFigure(blocks: readonly BlockMetrics[], link: Link): Figure {
  const withCurves = blocks.filter(({ natural }) => natural?.curves.some(({ rho }) => rho !== null));
  const upper = blocks.map((block) => {
    const { values, comparison } = block.seeds[0].inhibition;
    return groupPanel(block, values, comparison, 'B on the image of I', link);
  });
  const lower = withCurves.map((block) => {
    const rho = block.natural!.curves.map((curve) => curve.rho);
    return groupPanel(block, rho, block.seeds[0].curves!, 'rho of B with I', link);
  });
  const missing =
    withCurves.length < blocks.length ? ' The lower row needs photographs, and some blocks have none.' : '';
  return {
    name: 'fig4-inhibition',
    source: 'Fig. 4',
    title: 'Does the block inhibit what it overwrites?',
    caption:
      'Above: what the block adds when shown the image of its input; below 0 it inhibits. Below: the rank correlation ' +
      'of block and input over the photographs that excite the input. Red: overwrite channels (M < 1), blue: skip ' +
      `channels (M > 1), lines: their means, F and p: one-way analysis of variance between the two.${missing}`,
    spec: panels([...upper, ...lower], blocks.length),
  };
}

function groupPanel(
  block: BlockMetrics,
  values: readonly (number | null)[],
  comparison: GroupComparison,
  axis: string,
  link: Link,
): Panel {
  const { overwrite, skip, F, p } = comparison;
  const y = { type: 'quantitative', title: axis };
  const x = { type: 'quantitative', title: 'mix ratio M', scale: { domain: [0, block.reading.clamp] } };
  const test = F === null ? 'no comparison: a group is empty' : `F = ${short(F)}, p ${shortP(p)}`;
  const zero = {
    data: { values: [{}] },
    mark: { type: 'rule', color: COLOURS.none },
    encoding: { y: { ...y, datum: 0 } },
  };
  const points = {
    data: { values: channelPoints(block, values, axis, link) },
    mark: { type: 'circle', size: 34, opacity: 0.7 },
    encoding: {
      x: { ...x, field: 'mix' },
      y: { ...y, field: 'value' },
      color: GROUP_COLOUR,
      description: { field: 'label' },
      href: { field: 'href' },
    },
  };
  return {
    title: { text: `Block ${block.block}`, subtitle: `${test}; n = ${overwrite.n} and ${skip.n}` },
    width: 260,
    height: 190,
    layer: [zero, points, meanLines(comparison, x, y, block.reading.clamp)],
  };
}

const GROUP_COLOUR = {
  field: 'group',
  type: 'nominal',
  title: null,
  scale: { domain: ['overwrite', 'skip'], range: [COLOURS.overwrite, COLOURS.skip] },
};

/** The mean of each group, over the group's part of the axis. */
function meanLines({ overwrite, skip }: GroupComparison, x: Panel, y: Panel, clamp: number): Panel {
  const rows = [
    { group: 'overwrite', mean: overwrite.mean, from: 0, to: 1 },
    { group: 'skip', mean: skip.mean, from: 1, to: clamp },
  ].filter(({ mean }) => mean !== null);
  const values = rows.map((row) => ({ ...row, label: `mean of ${row.group} channels: ${short(row.mean)}` }));
  return {
    data: { values },
    mark: { type: 'rule', strokeWidth: 2 },
    encoding: {
      x: { ...x, field: 'from' },
      x2: { field: 'to' },
      y: { ...y, field: 'mean' },
      color: GROUP_COLOUR,
      description: { field: 'label' },
    },
  };
}
