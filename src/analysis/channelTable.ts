// One row per channel: what a spreadsheet, R or pandas wants. Empty cells are values that do not exist.

import type { Invariance } from './measurements.ts';
import type { BlockMetrics } from './metrics.ts';

type Cell = string | number | boolean | null | undefined;

/** Columns and what they hold, for one channel of a block; `first` is the first seed. */
const COLUMNS: readonly [name: string, of: (block: BlockMetrics, channel: number) => Cell][] = [
  ['block', ({ block }) => block],
  ['channel', (_, channel) => channel],
  ['mix_ratio', ({ seeds }, c) => seeds[0].mix[c].value],
  ['mix_case', ({ seeds }, c) => seeds[0].mix[c].case],
  ['mix_ratio_mean', ({ spread }, c) => spread.mix[c].mean],
  ['mix_ratio_sd', ({ spread }, c) => spread.mix[c].deviation],
  ['batch_norm_weight', ({ weightMagnitude }, c) => weightMagnitude.batchNorm[c]],
  ['convolution_weight', ({ weightMagnitude }, c) => weightMagnitude.convolution[c]],
  ['block_on_input_image', ({ seeds }, c) => seeds[0].inhibition.values[c]],
  ['curve_rho', ({ natural }, c) => natural?.curves[c].rho],
  ['curve_p', ({ natural }, c) => natural?.curves[c].p],
  ['curve_photographs', ({ natural }, c) => natural?.curves[c].n],
  ...invarianceColumns('scale'),
  ...invarianceColumns('flip'),
  ['tuning_mean', ({ seeds }, c) => seeds[0].tuning?.[c].mean],
];

function invarianceColumns(kind: Invariance): [string, (block: BlockMetrics, channel: number) => Cell][] {
  const own = ({ seeds }: BlockMetrics, c: number) => seeds[0].invariance[kind]?.channels[c];
  const natural = (block: BlockMetrics, c: number) => block.natural?.invariance[kind]?.channels[c];
  const spread = (block: BlockMetrics, c: number) => block.spread.invariance[kind]?.channels[c];
  return [
    [`${kind}_mix_ok`, (block, c) => own(block, c)?.mix],
    [`${kind}_block_ok`, (block, c) => own(block, c)?.block],
    [`${kind}_input_ok`, (block, c) => own(block, c)?.input],
    [`${kind}_passes`, (block, c) => own(block, c)?.passes],
    [`${kind}_block_delta`, (block, c) => own(block, c)?.blockDelta],
    [`${kind}_input_delta`, (block, c) => own(block, c)?.inputDelta],
    [`${kind}_metric`, (block, c) => own(block, c)?.metric],
    [`${kind}_metric_mean`, (block, c) => spread(block, c)?.metric.mean],
    [`${kind}_metric_sd`, (block, c) => spread(block, c)?.metric.deviation],
    [`${kind}_pass_rate`, (block, c) => spread(block, c)?.rates.passes],
    [`${kind}_photographs_pass`, (block, c) => natural(block, c)?.passes],
    [`${kind}_photographs_metric`, (block, c) => natural(block, c)?.metric],
  ];
}

/** Numbers as JavaScript prints them, which reads back to the same float64; true and false as 1 and 0. */
function show(cell: Cell): string {
  if (cell === null || cell === undefined || Number.isNaN(cell)) return '';
  return typeof cell === 'boolean' ? String(Number(cell)) : String(cell);
}

export function channelsCsv(blocks: readonly BlockMetrics[]): string {
  const header = COLUMNS.map(([name]) => name).join(',');
  const rows = blocks.flatMap((block) =>
    Array.from({ length: block.channels }, (_, channel) =>
      COLUMNS.map(([, of]) => show(of(block, channel))).join(','),
    ),
  );
  return `${[header, ...rows].join('\n')}\n`;
}
