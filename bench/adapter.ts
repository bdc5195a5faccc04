// What a device says of itself, here or in a page.

import type { Gpu } from '../src/engine/device.ts';

/** Said before the rows, and with them: what was measured on. */
export const adapterOf = (gpu: Gpu) => ({
  name: gpu.adapter,
  software: gpu.isSoftware,
  vendor: gpu.info.vendor,
  lanes: gpu.simdLanes ?? null,
  cores: gpu.cores,
  float16: gpu.float16,
  timestamps: gpu.device.features.has('timestamp-query'),
});

export type AdapterFacts = ReturnType<typeof adapterOf>;
