// How many invocations a subgroup really has: a kernel in which every invocation writes what it sees of its own.
// In workgroups of `lanes` invocations, the SIMD kernels count on lane numbers 0 to lanes-1, each once, and on
// broadcasts from all of them.

import { waitFor } from '#gpu';
import type { Gpu } from './device.ts';

const WORKGROUPS = 4;
/** numbers per invocation */
const SEEN = 3;

const text = (lanes: number) => `enable subgroups;
@group(0) @binding(0) var<storage, read_write> seen : array<u32>;

@compute @workgroup_size(${lanes})
fn look(@builtin(workgroup_id) group : vec3u, @builtin(subgroup_invocation_id) lane : u32,
        @builtin(local_invocation_index) index : u32) {
  let i = ${SEEN} * (group.x * ${lanes} + index);
  seen[i] = lane + 1;                                     // 0 is what was never written
  seen[i + 1] = subgroupAdd(1u);
  seen[i + 2] = subgroupBroadcast(1000 * group.x + lane, ${lanes - 1}u);
}
`;

/** What each workgroup of `lanes` invocations saw, or undefined where the kernel does not compile. */
async function look(gpu: Gpu, lanes: number): Promise<Uint32Array | undefined> {
  const { device } = gpu;
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: 'subgroups', code: text(lanes) });
  void device.popErrorScope();
  const compute = { module, entryPoint: 'look' };
  const made = device.createComputePipelineAsync({ label: 'subgroups', layout: 'auto', compute });
  const pipeline = await waitFor(made).catch(() => undefined);
  if (!pipeline) return undefined;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const buffer = gpu.createBuffer('subgroups', 4 * SEEN * WORKGROUPS * lanes, usage);
  const entries = [{ binding: 0, resource: { buffer } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(WORKGROUPS);
  pass.end();
  device.queue.submit([encoder.finish()]);
  const seen = new Uint32Array(await gpu.read(buffer));
  gpu.destroyBuffer(buffer);
  return seen;
}

/** Whether every workgroup of `lanes` invocations was one subgroup, with each lane once and a broadcast from the last. */
export function isWhole(seen: Uint32Array, lanes: number): boolean {
  return Array.from({ length: WORKGROUPS }, (_, group) => {
    const rows = Array.from({ length: lanes }, (_, i) => {
      const [lane, size, broadcast] = seen.subarray(SEEN * (group * lanes + i));
      return { lane, fits: size === lanes && broadcast === 1000 * group + lanes - 1 };
    });
    const numbers = rows.map(({ lane }) => lane).sort((a, b) => a - b);
    return rows.every(({ fits }) => fits) && numbers.every((lane, i) => lane === i + 1);
  }).every(Boolean);
}

/** `lanes`, where every subgroup has so many; else how many the first has, or undefined where they are irregular. */
export async function measureLanes(gpu: Gpu, lanes: number): Promise<number | undefined> {
  const seen = await look(gpu, lanes);
  if (!seen) return undefined;
  if (isWhole(seen, lanes)) return lanes;
  return seen[1] === lanes ? undefined : seen[1];
}
