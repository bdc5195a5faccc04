// What was published beside what was measured: one row per statement of the study that the run can speak to. A row
// says whether the two agree only where the study's words can be decided by a number; the rule is in `ours`.

import { listRows } from './comparisonLists.ts';
import { type ComparisonRow, row } from './comparisonRow.ts';
import type { GroupComparison } from './inhibition.ts';
import type { BlockMetrics } from './metrics.ts';
import { short, shortP } from './numberText.ts';
import { type Effect, type PublishedBlock, publishedOf, SIGNIFICANCE } from './published.ts';
import type { Correlation, Summary } from './stats.ts';

/** All rows, in the order of the blocks. Blocks that are not the study's give none. */
export function compareWithStudy(blocks: readonly BlockMetrics[]): ComparisonRow[] {
  return blocks.flatMap((block) => {
    const published = publishedOf(block);
    if (!published) return [];
    return [
      spectrumRow(block, published, blocks),
      ...weightRows(block, published),
      ...inhibitionRows(block, published),
      ...countRows(block, published),
      ...listRows(block, published),
    ];
  });
}

/** Share of channels with M < 1 among those that have a ratio. */
function overwriteShare({ seeds }: BlockMetrics): number {
  const values = seeds[0].mix.flatMap(({ value }) => value ?? []);
  return values.filter((value) => value < 1).length / values.length;
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const isDownsample = (block: BlockMetrics): boolean => publishedOf(block)?.spectrum === 'overwrite';

function spectrumRow(
  block: BlockMetrics,
  { spectrum }: PublishedBlock,
  blocks: readonly BlockMetrics[],
): ComparisonRow {
  const share = overwriteShare(block);
  const [lowest] = block.seeds[0].histogram;
  const counted = block.seeds[0].histogram.reduce((sum, count) => sum + count, 0);
  const ours = `${percent(share)} of channels with M < 1, ${lowest} of ${counted} below 0.25`;
  const words = {
    overwrite: ['dominated by overwrite channels', share > 1 / 2, 'more than half overwrite'],
    'lowest bin': ['all channels in the lowest bin', lowest === counted, 'all below 0.25'],
    'less skewed': [
      'less skewed than the downsample blocks',
      lessSkewed(share, blocks),
      'a smaller share than theirs',
    ],
  } as const;
  const [published, agrees, rule] = words[spectrum];
  const difference = agrees === null ? 'no downsample block in this run to compare with' : `rule: ${rule}`;
  return row(block, 'Fig. 2', 'Spectrum of mix ratios', published, ours, difference, agrees);
}

function lessSkewed(share: number, blocks: readonly BlockMetrics[]): boolean | null {
  const others = blocks.filter(isDownsample).map(overwriteShare);
  return others.length === 0 ? null : others.every((other) => share < other);
}

function weightRows(block: BlockMetrics, { weightMagnitude }: PublishedBlock): ComparisonRow[] {
  if (!weightMagnitude) return [];
  const { weights } = block.seeds[0];
  const layers = [
    ['second batch norm', weights.batchNorm, block.spread.weights.batchNorm],
    ['second convolution', weights.convolution, block.spread.weights.convolution],
  ] as const;
  return layers.map(([layer, correlation, spread]) => {
    const { rho, p } = correlation;
    const question = `Weights of the ${layer}`;
    const published = 'the more a channel skips, the smaller its weights, significantly';
    if (weights.folded) {
      const why = 'the file has batch norms folded into convolutions: not the weights as trained';
      return row(block, 'Fig. 3', question, published, 'not measurable', why, null);
    }
    const shown = rho !== null && p !== null && rho < 0 && p < SIGNIFICANCE;
    const ours = `rho = ${short(rho)}, p ${shortP(p)} (${overSeeds(spread)})`;
    return row(block, 'Fig. 3', question, published, ours, sign(correlation), rho === null ? null : shown);
  });
}

const sign = ({ rho, p }: Correlation): string => {
  if (rho === null || p === null) return 'no correlation defined';
  const direction = rho < 0 ? 'same sign' : 'opposite sign';
  return `${direction}, ${p < SIGNIFICANCE ? 'significant' : 'not significant'}`;
};

const overSeeds = ({ mean, deviation, n }: Summary, unit = ''): string =>
  n > 1 ? `${short(mean)} ± ${short(deviation)}${unit} over ${n} seeds` : 'one seed';

function inhibitionRows(block: BlockMetrics, { inhibition, curves }: PublishedBlock): ComparisonRow[] {
  const [first] = block.seeds;
  const { spread } = block;
  const rows: ComparisonRow[] = [];
  if (inhibition) {
    const question = 'B on the image of I';
    rows.push(
      groupRow(block, 'Fig. 4, top', question, inhibition, first.inhibition.comparison, spread.inhibition),
    );
  }
  if (curves && first.curves) {
    const question = 'Correlation of B with I over photographs';
    rows.push(groupRow(block, 'Fig. 4, bottom', question, curves, first.curves, spread.curves));
  }
  return rows;
}

function groupRow(
  block: BlockMetrics,
  place: string,
  question: string,
  effect: Effect,
  { overwrite, skip, F, p }: GroupComparison,
  spread: Summary,
): ComparisonRow {
  const lower = (overwrite.mean ?? Number.NaN) < (skip.mean ?? Number.NaN);
  const shown = lower && p !== null && p < SIGNIFICANCE;
  const published = effect === 'shown' ? 'overwrite significantly below skip' : 'not significantly below';
  const ours = `means ${short(overwrite.mean)} and ${short(skip.mean)}, F = ${short(F)}, p ${shortP(p)}`;
  const difference = `skip minus overwrite: ${overSeeds(spread)}`;
  const agrees = p === null ? null : shown === (effect === 'shown');
  return row(block, place, question, published, ours, difference, agrees);
}

function countRows(block: BlockMetrics, { invariant, invariantWithoutMix }: PublishedBlock): ComparisonRow[] {
  const scale = block.seeds[0].invariance.scale;
  const spread = block.spread.invariance.scale;
  if (!scale || !spread) return [];
  const { passing, passingWithoutMix, percent: share, percentWithoutMix } = scale;
  const counted = `${passing.length} of ${block.channels} (${short(share)} %)`;
  // "many" is no number: none contradicts it, some neither does nor proves it
  const some = passing.length > 0;
  const agrees = invariant === 'zero' ? !some : some ? null : false;
  const rows = [
    row(
      block,
      'Fig. 5',
      'Scale-invariant channels',
      invariant === 'zero' ? 'none' : 'many (no number in the text)',
      counted,
      `${overSeeds(spread.percent, ' %')}; ${spread.always.length} with every seed, ${spread.ever.length} with any`,
      agrees,
    ),
  ];
  if (invariantWithoutMix) {
    rows.push(
      row(
        block,
        'Fig. 5',
        'The same without the mix ratio',
        invariantWithoutMix === 'few' ? 'only a few' : 'an appreciable share, well below the neighbours',
        `${passingWithoutMix.length} of ${block.channels} (${short(percentWithoutMix)} %)`,
        overSeeds(spread.percentWithoutMix, ' %'),
        null,
      ),
    );
  }
  return rows;
}
