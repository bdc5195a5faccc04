// Whether what was read from the GPU is what the GPU holds: a kernel mixes every word of a buffer with its place and
// adds them up, the CPU does the same with the bytes that arrived. Sums of whole numbers modulo 2^32 do not depend on
// their order, so atomics are harmless here.

const LANES = 64;
/** Words that one invocation adds up. */
const STRAND = 16;
/** Workgroups of a row: a dispatch may not have more than 65,535 per dimension. */
const ROW = 4096;

const TEXT = `
@group(0) @binding(0) var<storage, read> words : array<u32>;
@group(0) @binding(1) var<storage, read_write> sum : atomic<u32>;

@compute @workgroup_size(${LANES})
fn add(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) lane : u32) {
  let first = ((group.y * ${ROW} + group.x) * ${LANES} + lane) * ${STRAND};
  var part = 0u;
  for (var i = first; i < min(first + ${STRAND}, arrayLength(&words)); i++) {
    let mixed = (words[i] ^ (i * 0x9e3779b9)) * 0x85ebca6b;
    part += mixed ^ (mixed >> 16);
  }
  atomicAdd(&sum, part);
}
`;

/** What the kernel computes. */
export function checksumOf(words: Uint32Array): number {
  let sum = 0;
  for (let i = 0; i < words.length; i++) {
    const mixed = Math.imul(words[i] ^ Math.imul(i, 0x9e3779b9), 0x85ebca6b);
    sum = (sum + (mixed ^ (mixed >>> 16))) | 0;
  }
  return sum >>> 0;
}

const pipelines = new WeakMap<GPUDevice, GPUComputePipeline>();

/** Not compiled asynchronously: whoever reads a buffer counts on its copy being queued at once. */
function pipelineOf(device: GPUDevice): GPUComputePipeline {
  const known = pipelines.get(device);
  if (known) return known;
  const label = 'checksum';
  const module = device.createShaderModule({ label, code: TEXT });
  const made = device.createComputePipeline({
    label,
    layout: 'auto',
    compute: { module, entryPoint: 'add' },
  });
  pipelines.set(device, made);
  return made;
}

/** Adds the checksum of the first `size` bytes of `buffer` to `sum`, a zeroed buffer of one word. */
export function encodeChecksum(
  device: GPUDevice,
  encoder: GPUCommandEncoder,
  buffer: GPUBuffer,
  size: number,
  sum: GPUBuffer,
): void {
  const pipeline = pipelineOf(device);
  const entries = [
    { binding: 0, resource: { buffer, size } },
    { binding: 1, resource: { buffer: sum } },
  ];
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  const groups = Math.ceil(size / 4 / (LANES * STRAND));
  pass.dispatchWorkgroups(Math.min(groups, ROW), Math.ceil(groups / ROW));
  pass.end();
}
