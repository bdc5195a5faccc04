// One statement of the study beside what was measured.

import type { BlockMetrics } from './metrics.ts';

export interface ComparisonRow {
  block: string;
  /** where the study says it */
  place: string;
  question: string;
  published: string;
  ours: string;
  difference: string;
  /** null: the study's words give nothing to decide by, or we have no answer */
  agrees: boolean | null;
}

export const row = (
  { block }: BlockMetrics,
  place: string,
  question: string,
  published: string,
  ours: string,
  difference: string,
  agrees: boolean | null,
): ComparisonRow => ({ block, place, question, published, ours, difference, agrees });
