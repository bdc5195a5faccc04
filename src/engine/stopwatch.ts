// What one run of a small plan takes on the adapter, out of many in one compute pass, so that the way to the adapter
// and back does not count: by the adapter's timestamps where it has them, else by the wall.

import type { Gpu } from './device.ts';
import { encodeDispatch, type Plan } from './plan.ts';

export const hasTimestamps = ({ device }: Pick<Gpu, 'device'>): boolean =>
  device.features.has('timestamp-query');

/** ms of one of `repeats` runs of a plan without textures. Waits for them. */
export async function timeRepeats(gpu: Gpu, plan: Plan, repeats: number): Promise<number> {
  return (await (hasTimestamps(gpu) ? byTimestamps : byWall)(gpu, plan, repeats)) / repeats;
}

function encode(encoder: GPUCommandEncoder, plan: Plan, repeats: number, more?: GPUComputePassDescriptor) {
  const pass = encoder.beginComputePass(more);
  for (let i = 0; i < repeats; i++) for (const dispatch of plan.dispatches) encodeDispatch(pass, dispatch);
  pass.end();
}

async function byTimestamps(gpu: Gpu, plan: Plan, repeats: number): Promise<number> {
  const { device } = gpu;
  const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
  const resolved = gpu.createBuffer('timestamps', 16, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
  try {
    const encoder = device.createCommandEncoder();
    const timestampWrites = { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 };
    encode(encoder, plan, repeats, { timestampWrites });
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    device.queue.submit([encoder.finish()]);
    const [begin, end] = new BigUint64Array(await gpu.read(resolved));
    return Number(end - begin) / 1e6;
  } finally {
    gpu.destroyBuffer(resolved);
    querySet.destroy();
  }
}

async function byWall(gpu: Gpu, plan: Plan, repeats: number): Promise<number> {
  const encoder = gpu.device.createCommandEncoder();
  encode(encoder, plan, repeats);
  const start = performance.now();
  gpu.device.queue.submit([encoder.finish()]);
  await gpu.finish();
  return performance.now() - start;
}
