// An op is data: a .wgsl file and a description that turns shapes and settings into dispatches.
// The WGSL is the only list of bindings (name, number, access); passes refer to them by name:
//   x w ...   inputs        y   the main output      argmax ...   other outputs that backward needs
//   dy        gradient of y (given)                  dx dw ...    gradient of that input (written)
// Every pass writes all of its output. Pipeline constants (`override`) carry sizes and settings; a
// backward pass is compiled with ACCUMULATE = 1 when it adds to a gradient that is already there.

import { StreamscopeError } from '../error.ts';

export type Shape = readonly number[];
/** f16 is a way to store weights: kernels widen them to f32 as they read. */
export type ElementType = 'f32' | 'u32' | 'i32' | 'f16';

export interface Output {
  shape: Shape;
  type?: ElementType;
}

/** One entry point, made concrete. */
export interface Pass {
  entryPoint: string;
  /** names of the WGSL variables it uses */
  bindings: readonly string[];
  /** by WGSL variable: its operand, where that has another name */
  operands?: Readonly<Record<string, string>>;
  /** invocations along x (within a sample) and y (samples, or 1) */
  invocations: readonly [number, number];
  /** multiplications and additions, for the profiler */
  flops: number;
  /** generated text, where it is not the op's .wgsl */
  source?: string;
  /** instead of the recipe's, where the pass is another op's */
  constants?: Record<string, number>;
  /** instead of WORKGROUP_SIZE */
  workgroupSize?: number;
  /**
   * Whole numbers that the text reads from a binding called `shape`, where sizes are not constants of it. The last is
   * ACCUMULATE.
   */
  shape?: readonly number[];
  /** what runs after it, with the same operands and the same `shape` */
  next?: Pass;
  /** by operand: tensors between a pass and the next that nothing else uses */
  scratch?: Readonly<Record<string, Shape>>;
}

/** An op applied to shapes: what it makes and how it runs. */
export interface Recipe {
  outputs: { y: Output } & Record<string, Output>;
  constants: Record<string, number>;
  forward: Pass;
  /** by name of the input whose gradient it writes */
  backward: Record<string, Pass>;
}

export interface Op<Settings = Record<never, never>> {
  name: string;
  /** the text of the .wgsl file, passed to the compiler as it stands */
  source: string;
  recipe(shapes: Record<string, Shape>, settings: Settings): Recipe;
}

/**
 * Software adapters read a texel in a quarter of the time that four floats of a buffer take. A kernel that declares
 * `x : texture_storage_2d<rgba32float, read>` finds floats 4i .. 4i+3 of a tensor at texel (i % this, i / this).
 */
export const TEXELS_PER_ROW = 2048;

/** The workgroup size along x of every .wgsl file, which repeats it. */
export const WORKGROUP_SIZE = 64;

export const elements = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Elements of one sample: all but the first dimension. */
export const perSample = (shape: Shape): number => elements(shape.slice(1));

/** One invocation per element of `shape`, samples along y. */
export const perElement = (shape: Shape): [number, number] => [perSample(shape), shape[0]];

const show = (shape: Shape | undefined) => (shape ? `[${shape.join(',')}]` : 'nothing');

/** Throws unless `condition`; the message starts with the op's name. */
export function expect(op: string, condition: boolean, message: string, hint?: string): asserts condition {
  if (!condition) throw new StreamscopeError('badInput', `${op}: ${message}`, hint);
}

/** Throws unless `shape` matches `expected`, where -1 matches any size. */
export function expectShape(
  op: string,
  name: string,
  shape: Shape | undefined,
  expected: Shape,
): asserts shape {
  const matches = shape?.length === expected.length && expected.every((n, i) => n === -1 || n === shape[i]);
  const wanted = show(expected).replaceAll('-1', '*');
  expect(op, matches === true, `${name} is ${show(shape)}, expected ${wanted}.`);
}
