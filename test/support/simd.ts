// Tests of the kernels for SIMD adapters, which need an adapter whose subgroups all have one known size.

import type { TestContext } from 'vitest';
import type { Gpu } from '../../src/engine/device.ts';

/**
 * Invocations of a subgroup. A software adapter must have them, or half of the kernels would go untested there; on
 * a real GPU these kernels never run, so the test is skipped and says so (test/QUARANTINE.md).
 */
export function simdLanes(gpu: Gpu, context: TestContext): number {
  if (gpu.simdLanes) return gpu.simdLanes;
  if (!gpu.isSoftware) context.skip(`not applicable to ${gpu.adapter}: see test/QUARANTINE.md`);
  const { subgroupMinSize, subgroupMaxSize } = gpu.info;
  const features = gpu.device.features.has('subgroups')
    ? `subgroups of ${subgroupMinSize} to ${subgroupMaxSize}`
    : 'no subgroups';
  throw new Error(
    `${gpu.adapter} has ${features}, so its SIMD kernels cannot run and are not tested. Expected one size up to 16.`,
  );
}
