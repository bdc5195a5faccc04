// Software drivers compile a kernel when it first runs, one after the other on the thread of a device's queue: half a
// minute for a step whose kernels they have not met, with cores idle beside it. Another device has a queue and a thread of
// its own, and what one has compiled all find in the driver's cache on disk. So while a plan runs for the first time,
// helpers run its kernels from the last to the first, each in one workgroup on buffers of its own, until they meet
// the plan. Nothing that they compute is used, and what goes wrong with them costs no more than their help.

import { compilers, debugLevel } from '#gpu';
import { Gpu } from './device.ts';
import type { PlannedDispatch } from './plan.ts';
import { bindGroupFor, pipelineFor } from './shader.ts';

/** ms after which a plan has run whose kernels the driver knows. */
const HEAD_START = 1500;

/** Floats of every buffer: kernels may look beyond, where this driver reads zeros and writes nothing. */
const FLOATS = 1 << 14;

/** Devices that are being helped. */
const helped = new WeakSet<Gpu>();

/**
 * Helps to compile `dispatches`, which `gpu` was given just now, until it has run them. Resolves to how many kernels
 * `helpers` devices compiled; never rejects.
 */
export async function compileAhead(
  gpu: Gpu,
  dispatches: readonly PlannedDispatch[],
  { helpers = compilers(gpu.adapter), headStart = HEAD_START, ran = () => gpu.finish() } = {},
): Promise<number> {
  if (helpers === 0 || helped.has(gpu)) return 0;
  helped.add(gpu);
  let met = false;
  const meet = () => {
    met = true;
  };
  const done = ran().then(meet, meet);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, headStart);
  });
  await Promise.race([done, late]);
  clearTimeout(timer); // it would keep the process alive
  const kernels = [...new Map(dispatches.map((dispatch) => [dispatch.pipeline, dispatch])).values()];
  let count = 0;
  const help = async () => {
    if (met) return;
    const helper = await Gpu.open();
    gpu.helpers.add(helper);
    try {
      gpu.check();
      for (let next = kernels.pop(); next && !met; next = kernels.pop()) {
        await run(helper, next);
        count++;
      }
    } finally {
      helper.close();
      gpu.helpers.delete(helper);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: helpers }, help));
  helped.delete(gpu);
  if (debugLevel >= 1)
    for (const end of ends) if (end.status === 'rejected') console.error(`compiling ahead: ${end.reason}`);
  return count;
}

/** One workgroup of a kernel. Every number it finds is 1, sizes among them. */
async function run(gpu: Gpu, kernel: PlannedDispatch): Promise<void> {
  const { label, source, pass, constants } = kernel;
  const pipeline = await pipelineFor(gpu, label, source, pass, constants);
  const buffers: GPUBuffer[] = [];
  const textures: GPUTexture[] = [];
  const bindGroup = bindGroupFor(gpu, kernel, pipeline, (name, { type, format }) => {
    if (type === 'texture') {
      const texture = gpu.createTexture(name, 1, format === 'rgba16float' ? 'f16' : 'f32');
      textures.push(texture);
      return texture.createView();
    }
    const buffer = gpu.createBuffer(name, 4 * FLOATS, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST);
    buffers.push(buffer);
    gpu.device.queue.writeBuffer(buffer, 0, new Uint32Array(FLOATS).fill(1));
    return { buffer };
  });
  const encoder = gpu.device.createCommandEncoder();
  const compute = encoder.beginComputePass();
  compute.setPipeline(pipeline);
  compute.setBindGroup(0, bindGroup);
  compute.dispatchWorkgroups(1);
  compute.end();
  gpu.device.queue.submit([encoder.finish()]);
  await gpu.finish();
  for (const buffer of buffers) gpu.destroyBuffer(buffer);
  for (const texture of textures) gpu.destroyTexture(texture);
}
