// The SIMD version of a pass: the same name, bindings and result, another text and one subgroup per workgroup.

import type { Pass } from './op.ts';

export interface SimdText {
  source: string;
  /** workgroups, of one subgroup each, per sample or per so many samples */
  workgroups: number;
  samples?: number;
  /** numbers the text reads from its binding `shape`; without them sizes are in the text */
  shape?: readonly number[];
}

export const simdPass = (
  pass: Pass,
  lanes: number,
  { source, workgroups, samples = 1, shape }: SimdText,
): Pass => ({
  ...pass,
  source,
  workgroupSize: lanes,
  invocations: [workgroups * lanes, Math.ceil(pass.invocations[1] / samples)],
  ...(shape && { shape }),
});
