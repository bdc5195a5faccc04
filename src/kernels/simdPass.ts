// The SIMD version of a pass: the same name, bindings and result, another text and one subgroup per workgroup.

import type { Pass } from './op.ts';

export interface SimdText {
  source: string;
  /** workgroups, of one subgroup each, per sample */
  workgroups: number;
}

export const simdPass = (pass: Pass, lanes: number, { source, workgroups }: SimdText): Pass => ({
  ...pass,
  source,
  workgroupSize: lanes,
  invocations: [workgroups * lanes, pass.invocations[1]],
});
