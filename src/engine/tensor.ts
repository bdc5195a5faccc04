// A tensor is a shape and a type, and a buffer where it has one. Tensors that outlive a step (weights, the
// spectrum, Adam's moments, tables) own their buffer; the rest get one from the plan. Kernels may read a tensor
// through a texture instead, four floats to a texel (op.ts says why): then the plan copies its buffer there, or the
// tensor has nothing but a texture.

import { StreamscopeError } from '../error.ts';
import { type ElementType, elements, type Shape, TEXELS_PER_ROW } from '../kernels/op.ts';
import type { Gpu } from './device.ts';

export type Numbers = Float32Array | Uint32Array | Int32Array | Uint16Array;

/** What holds the elements of a type; of f16 their bits. */
const ARRAY_TYPE = { f32: Float32Array, u32: Uint32Array, i32: Int32Array, f16: Uint16Array };

const bytesPerElement = (type: ElementType): number => ARRAY_TYPE[type].BYTES_PER_ELEMENT;

/** How texels lie in a buffer. */
export const TEXEL_LAYOUT = { bytesPerRow: TEXELS_PER_ROW * 4 * bytesPerElement('f32') };

export class Tensor {
  /** where the plan put it, or its own */
  buffer: GPUBuffer | undefined;
  /** what kernels read that ask for texels */
  texture: GPUTexture | undefined;

  constructor(
    readonly label: string,
    readonly shape: Shape,
    readonly type: ElementType = 'f32',
    /** whether gradients are wanted for it or flow through it */
    public differentiable = false,
  ) {}

  get size(): number {
    return elements(this.shape);
  }

  get bytes(): number {
    return this.size * bytesPerElement(this.type);
  }

  /** rows of texels, the last of which may be unfinished */
  get texelRows(): number {
    return Math.ceil(this.size / 4 / TEXELS_PER_ROW);
  }

  toString(): string {
    return `${this.label} [${this.shape.join(',')}]`;
  }
}

interface TensorOptions {
  type?: ElementType;
  data?: ArrayLike<number>;
  differentiable?: boolean;
}

/** A tensor with a buffer of its own, zero-filled or holding `data` (row-major, as long as the shape says). */
export function createTensor(
  gpu: Gpu,
  label: string,
  shape: Shape,
  { type = 'f32', data, differentiable = false }: TensorOptions = {},
): Tensor {
  const tensor = new Tensor(label, shape, type, differentiable);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  tensor.buffer = gpu.createBuffer(label, tensor.bytes, usage);
  if (data) write(gpu, tensor, data);
  return tensor;
}

/**
 * A tensor that is only ever read as texels: weights, mostly. `data` is row-major and as long as the shape says: floats,
 * or the bits of halves for type f16.
 */
export function createTexture(
  gpu: Gpu,
  label: string,
  shape: Shape,
  data: ArrayLike<number>,
  type: 'f32' | 'f16' = 'f32',
): Tensor {
  const tensor = new Tensor(label, shape, type);
  const padded = new ARRAY_TYPE[type](tensor.texelRows * TEXELS_PER_ROW * 4);
  padded.set(data);
  tensor.texture = gpu.createTexture(label, tensor.texelRows, type);
  const bytesPerRow = TEXELS_PER_ROW * 4 * bytesPerElement(type);
  gpu.device.queue.writeTexture({ texture: tensor.texture }, padded, { bytesPerRow }, [
    TEXELS_PER_ROW,
    tensor.texelRows,
  ]);
  return tensor;
}

type Create = (label: string, shape: Shape, options?: TensorOptions) => Tensor;
type CreateTexture = (label: string, shape: Shape, data: ArrayLike<number>, type?: 'f32' | 'f16') => Tensor;

/** What `make` builds of the tensors that it creates. If there is no memory for one of them, it keeps none. */
export function createTogether<T>(gpu: Gpu, make: (create: Create, texture: CreateTexture) => T): T {
  const made: Tensor[] = [];
  const noted = (tensor: Tensor) => {
    made.push(tensor);
    return tensor;
  };
  try {
    return make(
      (label, shape, options) => noted(createTensor(gpu, label, shape, options)),
      (label, shape, data, type) => noted(createTexture(gpu, label, shape, data, type)),
    );
  } catch (error) {
    destroy(gpu, ...made);
    throw error;
  }
}

/** Queues an upload; work submitted later sees it, work submitted before does not. */
export function write(gpu: Gpu, tensor: Tensor, data: ArrayLike<number>, offset = 0): void {
  if (!tensor.buffer || offset + data.length > tensor.size) {
    throw new StreamscopeError('bug', `write: ${tensor} cannot take ${data.length} values at ${offset}.`);
  }
  const Type = ARRAY_TYPE[tensor.type];
  const typed = data instanceof Type ? data : Type.from(data);
  gpu.device.queue.writeBuffer(
    tensor.buffer,
    offset * bytesPerElement(tensor.type),
    typed as Numbers & ArrayBufferView<ArrayBuffer>,
  );
}

/** Reads a float tensor back. Waits for the work submitted before. */
export async function read(gpu: Gpu, tensor: Tensor): Promise<Float32Array> {
  if (!tensor.buffer)
    throw new StreamscopeError('bug', `read: ${tensor} has no buffer: keep it before compiling.`);
  return new Float32Array(await gpu.read(tensor.buffer, tensor.bytes));
}

/** Reads an integer tensor back. */
export async function readIntegers(gpu: Gpu, tensor: Tensor): Promise<Uint32Array> {
  if (!tensor.buffer)
    throw new StreamscopeError('bug', `read: ${tensor} has no buffer: keep it before compiling.`);
  return new Uint32Array(await gpu.read(tensor.buffer, tensor.bytes));
}

export function destroy(gpu: Gpu, ...tensors: Tensor[]): void {
  for (const tensor of tensors) {
    if (tensor.buffer) gpu.destroyBuffer(tensor.buffer);
    if (tensor.texture) gpu.destroyTexture(tensor.texture);
    tensor.buffer = tensor.texture = undefined;
  }
}
