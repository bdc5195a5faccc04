// Memory for a tape: tensors whose lifetimes do not overlap share a buffer, and those that some kernel reads as
// texels share textures the same way. A resource returns to its pool after the last dispatch that touches it.

import { StreamscopeError } from '../error.ts';
import { bytesOf, type Gpu } from './device.ts';
import { bindingsOf } from './shader.ts';
import type { Dispatch, Tape } from './tape.ts';
import { TEXEL_LAYOUT, type Tensor, write } from './tensor.ts';

/** What a plan owns; `copies[i]` are the tensors to copy from buffer to texture before dispatch i. */
export interface Allocation {
  buffers: GPUBuffer[];
  textures: GPUTexture[];
  copies: readonly Tensor[][];
  /** textures of tensors that have a buffer */
  textureOf: Map<Tensor, GPUTexture>;
}

// asked for when it is needed: without WebGPU the page reads this file and says what is missing
const usage = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** Operands of a dispatch: read as texels, used as buffers, and which of these it writes. */
interface Uses {
  texels: Tensor[];
  buffers: Tensor[];
  written: Tensor[];
}

function usesOf({ label, source, pass, operands }: Dispatch): Uses {
  const declared = bindingsOf(source);
  const uses: Uses = { texels: [], buffers: [], written: [] };
  for (const name of pass.bindings) {
    const tensor = operands[name];
    if (!tensor) throw new StreamscopeError('bug', `${label}: operand ${name} is missing.`);
    const type = declared[name]?.type;
    (type === 'texture' ? uses.texels : uses.buffers).push(tensor);
    if (type === 'storage') uses.written.push(tensor);
    if (type === 'texture' && tensor.size % 4 !== 0)
      throw new StreamscopeError('bug', `${label}: ${tensor} has no whole number of texels.`);
  }
  return uses;
}

/** Gives every tensor of the tape what it lacks. What was made is in `all`, also when this throws. */
export function allocate(
  gpu: Gpu,
  tape: Pick<Tape, 'dispatches' | 'kept' | 'tables'>,
  all: Allocation,
): void {
  const uses = tape.dispatches.map(usesOf);
  const copies = planCopies(uses);
  all.copies = copies;
  for (const [tensor, values] of tape.tables) {
    tensor.buffer = gpu.createBuffer(tensor.label, tensor.bytes, usage());
    all.buffers.push(tensor.buffer);
    write(gpu, tensor, values);
  }
  const texelBytes = (tensor: Tensor) => tensor.texelRows * TEXEL_LAYOUT.bytesPerRow;
  const makeBuffer = (tensor: Tensor) => {
    const buffer = gpu.createBuffer(tensor.label, tensor.bytes, usage());
    all.buffers.push(buffer);
    return buffer;
  };
  const makeTexture = (tensor: Tensor) => {
    const texture = gpu.createTexture(tensor.label, tensor.texelRows);
    all.textures.push(texture);
    return texture;
  };
  const buffers = new Pool(makeBuffer, (buffer) => buffer.size);
  const textures = new Pool(makeTexture, bytesOf);
  const touched = uses.map((use, i) => [...use.buffers, ...copies[i]]);
  const lastTouch = lastIndex(touched);
  const lastRead = lastIndex(uses.map(({ texels }) => texels));
  uses.forEach(({ texels }, i) => {
    for (const tensor of touched[i]) tensor.buffer ??= buffers.take(tensor, tensor.bytes);
    for (const tensor of copies[i])
      if (!all.textureOf.has(tensor)) all.textureOf.set(tensor, textures.take(tensor, texelBytes(tensor)));
    for (const tensor of new Set(touched[i]))
      if (lastTouch.get(tensor) === i && !tape.kept.has(tensor)) buffers.give(tensor.buffer!);
    for (const tensor of new Set(texels))
      if (lastRead.get(tensor) === i && !tensor.texture) textures.give(all.textureOf.get(tensor)!);
  });
}

/** A tensor is copied before it is first read as texels in a step, and again when it was written since. */
function planCopies(uses: readonly Uses[]): Tensor[][] {
  const fresh = new Set<Tensor>();
  return uses.map(({ texels, written }) => {
    const copies = [...new Set(texels)].filter((tensor) => !fresh.has(tensor) && !tensor.texture);
    for (const tensor of copies) fresh.add(tensor);
    for (const tensor of written) fresh.delete(tensor);
    return copies;
  });
}

const lastIndex = (lists: readonly (readonly Tensor[])[]): Map<Tensor, number> =>
  new Map(lists.flatMap((tensors, i) => tensors.map((tensor) => [tensor, i] as const)));

/** Resources that are free again, to be taken by the next tensor that fits. */
class Pool<Resource> {
  readonly #made = new Set<Resource>();
  readonly #free: Resource[] = [];

  constructor(
    readonly make: (tensor: Tensor) => Resource,
    readonly size: (resource: Resource) => number,
  ) {}

  /** The smallest free one of at least `bytes`, else a new one. */
  take(tensor: Tensor, bytes: number): Resource {
    const fitting = this.#free
      .filter((resource) => this.size(resource) >= bytes)
      .sort((a, b) => this.size(a) - this.size(b))[0];
    if (fitting) {
      this.#free.splice(this.#free.indexOf(fitting), 1);
      return fitting;
    }
    const made = this.make(tensor);
    this.#made.add(made);
    return made;
  }

  /** Takes back what was made here; a tensor's own buffer stays with it. */
  give(resource: Resource): void {
    if (this.#made.has(resource)) this.#free.push(resource);
  }
}
