// A kernel case: a dispatch, and what float64 says its result is (at some elements, where all would take too long).

import type { Gpu } from '../src/engine/device.ts';
import type { Dispatch, Tape } from '../src/engine/tape.ts';
import { createTensor, type Tensor } from '../src/engine/tensor.ts';
import type { Array64 } from '../src/kernels/reference.ts';

/** As in the tests of the ops, for their backward passes. */
export const BOUND = 2e-5;

export interface KernelCase {
  name: string;
  /** shape of what it computes */
  shape: readonly number[];
  /** run one after the other, and timed together */
  dispatches: readonly Dispatch[];
  /** of the definition; what the dispatches count when absent */
  flops?: number;
  /** what recorded the dispatches */
  tape?: Tape;
  result: Tensor;
  /** of the largest error over the rms */
  bound: number;
  /** read and written at least once; all tensors that it binds, once each, when absent */
  bytes?: number;
  expected: { indices?: readonly number[]; values: ArrayLike<number> };
}

/** Cases that share tensors. */
export interface KernelGroup {
  cases: KernelCase[];
  tensors: Tensor[];
}

/** Uploads arrays by name. */
export const upload = (
  gpu: Gpu,
  arrays: Record<string, Array64>,
  differentiable = '',
): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => [
      name,
      createTensor(gpu, name, shape, { data, differentiable: name === differentiable }),
    ]),
  );

/** The forward and the backward dispatches of y, recorded last on the tape; their results get buffers of their own. */
export function passesOf(gpu: Gpu, tape: Tape, y: Tensor, dy: Tensor, x: Tensor) {
  const forward = tape.dispatches.length;
  const dx = tape.backward(y, dy).get(x)!;
  const results = [y, dx].map((tensor) => {
    const { buffer } = createTensor(gpu, tensor.label, tensor.shape);
    tensor.buffer = buffer;
    return tensor;
  });
  const dispatches = [tape.dispatches.slice(0, forward), tape.dispatches.slice(forward)];
  return dispatches.map((own, i) => ({ tape, dispatches: own, result: results[i] }));
}
