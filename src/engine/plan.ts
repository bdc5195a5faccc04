// A tape made ready to run: buffers shared by tensors whose lifetimes do not overlap, pipelines and bind groups
// made once, a flat list of dispatches that a step replays. Nothing waits for the CPU between steps.

import { debugLevel, waitFor } from '#gpu';
import { StreamscopeError } from '../error.ts';
import { WORKGROUP_SIZE } from '../kernels/op.ts';
import type { Gpu } from './device.ts';
import { bindingsOf, pipelineFor } from './shader.ts';
import type { Dispatch, Tape } from './tape.ts';
import { type Tensor, write } from './tensor.ts';

export interface PlannedDispatch extends Dispatch {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  workgroups: readonly [number, number];
}

export class Plan {
  private constructor(
    readonly gpu: Gpu,
    readonly dispatches: readonly PlannedDispatch[],
    /** buffers of the plan itself: everything but tensors that own theirs */
    readonly buffers: readonly GPUBuffer[],
  ) {}

  /** Compiles all pipelines in parallel. Throws with the compiler's words when one fails. */
  static async compile(gpu: Gpu, tape: Tape): Promise<Plan> {
    const buffers: GPUBuffer[] = [];
    try {
      allocate(gpu, tape, buffers);
      const dispatches = await Promise.all(tape.dispatches.map((dispatch) => planDispatch(gpu, dispatch)));
      const plan = new Plan(gpu, dispatches, buffers);
      if (debugLevel >= 1) console.error(plan.describe());
      return plan;
    } catch (error) {
      for (const buffer of buffers) gpu.destroyBuffer(buffer);
      throw error;
    }
  }

  get bytes(): number {
    return this.buffers.reduce((sum, { size }) => sum + size, 0);
  }

  get flops(): number {
    return this.dispatches.reduce((sum, { pass }) => sum + pass.flops, 0);
  }

  describe(): string {
    const [megabytes, megaflops] = [this.bytes / 2 ** 20, this.flops / 1e6].map((value) => value.toFixed(1));
    return `plan: ${this.dispatches.length} dispatches, ${this.buffers.length} buffers of ${megabytes} MiB, ${megaflops} MFLOP`;
  }

  /** Adds one step to a compute pass. */
  encode(pass: GPUComputePassEncoder): void {
    for (const { pipeline, bindGroup, workgroups } of this.dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    }
  }

  /** Frees the plan's buffers; tensors with their own keep them. */
  destroy(): void {
    for (const buffer of this.buffers) this.gpu.destroyBuffer(buffer);
  }
}

/** Submits a sequence of steps, each a replay of a plan, as one command buffer. Does not wait. */
export function submit(gpu: Gpu, steps: readonly Plan[]): void {
  gpu.check();
  const encoder = gpu.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (const plan of steps) plan.encode(pass);
  pass.end();
  gpu.device.queue.submit([encoder.finish()]);
}

/**
 * Gives every tensor without a buffer one, from a pool: a buffer returns to the pool after the last dispatch that
 * touches its tensor. Kept tensors never return theirs. New buffers are added to `all`.
 */
function allocate(gpu: Gpu, tape: Tape, all: GPUBuffer[]): void {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const lastUse = new Map<Tensor, number>();
  tape.dispatches.forEach(({ pass, operands }, i) => {
    for (const name of pass.bindings) lastUse.set(operands[name], i);
  });
  for (const [tensor, values] of tape.tables) {
    tensor.buffer = gpu.createBuffer(tensor.label, tensor.bytes, usage);
    all.push(tensor.buffer);
    write(gpu, tensor, values);
  }
  const free: GPUBuffer[] = [];
  tape.dispatches.forEach(({ label, pass, operands }, i) => {
    const used = pass.bindings.map((name) => operands[name]);
    for (const tensor of used) {
      if (!tensor)
        throw new StreamscopeError('bug', `${label}: an operand of ${pass.bindings.join(', ')} is missing.`);
      if (tensor.buffer) continue;
      // the smallest free buffer that fits, else a new one
      const fitting = free.filter(({ size }) => size >= tensor.bytes).sort((a, b) => a.size - b.size)[0];
      if (fitting) free.splice(free.indexOf(fitting), 1);
      tensor.buffer = fitting ?? gpu.createBuffer(tensor.label, tensor.bytes, usage);
      if (!fitting) all.push(tensor.buffer);
    }
    for (const tensor of new Set(used)) {
      const done = lastUse.get(tensor) === i && !tape.kept.has(tensor) && !tape.tables.has(tensor);
      if (done && all.includes(tensor.buffer!)) free.push(tensor.buffer!);
    }
  });
}

async function planDispatch(gpu: Gpu, dispatch: Dispatch): Promise<PlannedDispatch> {
  const { label, source, pass, constants, operands } = dispatch;
  const pipeline = await waitFor(pipelineFor(gpu, label, source, pass, constants));
  const declared = bindingsOf(source);
  const bindGroup = gpu.device.createBindGroup({
    label,
    layout: pipeline.getBindGroupLayout(0),
    entries: pass.bindings.map((name) => ({
      binding: declared[name].binding,
      resource: { buffer: operands[name].buffer!, size: operands[name].bytes },
    })),
  });
  const workgroups = [
    Math.ceil(pass.invocations[0] / (pass.workgroupSize ?? WORKGROUP_SIZE)),
    pass.invocations[1],
  ] as const;
  const limit = gpu.device.limits.maxComputeWorkgroupsPerDimension;
  if (Math.max(...workgroups) > limit) {
    throw new StreamscopeError(
      'unavailable',
      `${label} needs ${workgroups.join('x')} workgroups, the adapter allows ${limit} per dimension.`,
      'Use a smaller batch or image.',
    );
  }
  return { ...dispatch, pipeline, bindGroup, workgroups };
}
