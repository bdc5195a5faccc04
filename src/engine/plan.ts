// A tape made ready to run: buffers shared by tensors whose lifetimes do not overlap (allocate.ts), pipelines and
// bind groups made once, a flat list of dispatches that a step replays, with copies into textures where a kernel
// reads texels. Nothing waits for the CPU between steps.

import { debugLevel, waitFor } from '#gpu';
import { StreamscopeError } from '../error.ts';
import { TEXELS_PER_ROW, WORKGROUP_SIZE } from '../kernels/op.ts';
import { type Allocation, allocate } from './allocate.ts';
import { compileAhead } from './compileAhead.ts';
import { bytesOf, type Gpu } from './device.ts';
import { bindGroupFor, pipelineFor } from './shader.ts';
import { stepsOf } from './steps.ts';
import type { Dispatch, Tape } from './tape.ts';
import { TEXEL_LAYOUT, type Tensor } from './tensor.ts';

/** From a tensor's buffer to a texture. */
export interface Copy {
  tensor: Tensor;
  texture: GPUTexture;
}

export interface PlannedDispatch extends Dispatch {
  pipeline: GPUComputePipeline;
  bindGroup: GPUBindGroup;
  workgroups: readonly [number, number];
  /** to make before it runs */
  copies: readonly Copy[];
}

export class Plan {
  #hasRun = false;

  private constructor(
    readonly gpu: Gpu,
    readonly dispatches: readonly PlannedDispatch[],
    /** buffers and textures of the plan itself: everything but what tensors own */
    readonly buffers: readonly GPUBuffer[],
    readonly textures: readonly GPUTexture[],
  ) {}

  /** Compiles all pipelines in parallel. Throws with the compiler's words when one fails. */
  static async compile(gpu: Gpu, tape: Tape): Promise<Plan> {
    const made: Allocation = { buffers: [], textures: [], copies: [], textureOf: new Map() };
    try {
      const { kept, tables } = tape;
      const steps = tape.dispatches.flatMap(stepsOf);
      allocate(gpu, { dispatches: steps, kept, tables }, made);
      const dispatches = await Promise.all(steps.map((step, i) => planDispatch(gpu, step, made, i)));
      const plan = new Plan(gpu, dispatches, made.buffers, made.textures);
      if (debugLevel >= 1) console.error(plan.describe());
      return plan;
    } catch (error) {
      free(gpu, made);
      throw error;
    }
  }

  get bytes(): number {
    const buffers = this.buffers.reduce((sum, { size }) => sum + size, 0);
    return this.textures.reduce((sum, texture) => sum + bytesOf(texture), buffers);
  }

  get flops(): number {
    return this.dispatches.reduce((sum, { pass }) => sum + pass.flops, 0);
  }

  describe(): string {
    const [megabytes, megaflops] = [this.bytes / 2 ** 20, this.flops / 1e6].map((value) => value.toFixed(1));
    return `plan: ${this.dispatches.length} dispatches, ${this.buffers.length} buffers and ${this.textures.length} textures of ${megabytes} MiB, ${megaflops} MFLOP`;
  }

  /** Adds one step to a command buffer. Copies stand between compute passes. */
  encode(encoder: GPUCommandEncoder): void {
    let pass: GPUComputePassEncoder | undefined;
    for (const dispatch of this.dispatches) {
      if (dispatch.copies.length > 0) {
        pass?.end();
        pass = undefined;
        encodeCopies(encoder, dispatch);
      }
      pass ??= encoder.beginComputePass();
      encodeDispatch(pass, dispatch);
    }
    pass?.end();
  }

  /** Starts what makes its first run shorter, once. Does not wait. */
  helpCompiling(): void {
    if (this.#hasRun) return;
    this.#hasRun = true;
    void compileAhead(this.gpu, this.dispatches);
  }

  /** Frees what the plan owns; tensors with their own buffer keep it. */
  destroy(): void {
    free(this.gpu, this);
  }
}

function free(gpu: Gpu, { buffers, textures }: Pick<Plan, 'buffers' | 'textures'>): void {
  for (const buffer of buffers) gpu.destroyBuffer(buffer);
  for (const texture of textures) gpu.destroyTexture(texture);
}

/** Whole rows of texels, then the texels of the last row. */
export function encodeCopies(encoder: GPUCommandEncoder, { copies }: PlannedDispatch): void {
  for (const {
    tensor: { buffer, size },
    texture,
  } of copies) {
    const [rows, rest] = [Math.floor(size / 4 / TEXELS_PER_ROW), (size / 4) % TEXELS_PER_ROW];
    const copy = (firstRow: number, columns: number, count: number) =>
      encoder.copyBufferToTexture(
        { buffer: buffer!, offset: firstRow * TEXEL_LAYOUT.bytesPerRow, ...TEXEL_LAYOUT },
        { texture, origin: [0, firstRow] },
        [columns, count],
      );
    if (rows > 0) copy(0, TEXELS_PER_ROW, rows);
    if (rest > 0) copy(rows, rest, 1);
  }
}

export function encodeDispatch(
  pass: GPUComputePassEncoder,
  { pipeline, bindGroup, workgroups }: PlannedDispatch,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...workgroups);
}

/** Submits a sequence of steps, each a replay of a plan, as one command buffer. Does not wait. */
export function submit(gpu: Gpu, steps: readonly Plan[]): void {
  gpu.check();
  const encoder = gpu.device.createCommandEncoder();
  for (const plan of steps) plan.encode(encoder);
  gpu.device.queue.submit([encoder.finish()]);
  for (const plan of steps) plan.helpCompiling();
}

async function planDispatch(
  gpu: Gpu,
  dispatch: Dispatch,
  { textureOf, copies }: Allocation,
  index: number,
): Promise<PlannedDispatch> {
  const { label, source, pass, constants, operands } = dispatch;
  const pipeline = await waitFor(pipelineFor(gpu, label, source, pass, constants));
  const bindGroup = bindGroupFor(gpu, dispatch, pipeline, (name, { type }) => {
    const tensor = operands[name];
    const texture = tensor.texture ?? textureOf.get(tensor);
    return type === 'texture' ? texture!.createView() : { buffer: tensor.buffer!, size: tensor.bytes };
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
  const made = copies[index].map((tensor) => ({ tensor, texture: textureOf.get(tensor)! }));
  return { ...dispatch, pipeline, bindGroup, workgroups, copies: made };
}
