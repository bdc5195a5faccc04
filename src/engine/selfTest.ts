// A one-second proof that the adapter computes: a small strided, padded convolution and its gradient on the GPU
// against the float64 reference.

import { conv2d } from '../kernels/conv2d.ts';
import { type Array64, conv2dBackwardX, conv2d as conv2dReference } from '../kernels/reference.ts';
import type { Gpu } from './device.ts';
import { Plan, submit } from './plan.ts';
import { normals, PURPOSE, streamOf } from './random.ts';
import { gradientOf, Tape } from './tape.ts';
import { createTensor, destroy, read } from './tensor.ts';

const BOUND = 1e-5;

export interface SelfTest {
  /** largest error over the rms of the result, forward and backward */
  error: number;
  bound: number;
  passed: boolean;
  milliseconds: number;
}

/** Throws only what the device throws; a wrong result is reported, not thrown. */
export async function selfTest(gpu: Gpu): Promise<SelfTest> {
  const start = performance.now();
  const settings = { stride: 2, pad: [1, 1, 0, 2] as const };
  const random = (name: string, ...shape: number[]): Array64 => {
    const count = shape.reduce((a, b) => a * b, 1);
    return {
      shape,
      data: Float64Array.from(normals({ seed: 1, stream: streamOf(name), purpose: PURPOSE.test }, count)),
    };
  };
  const [x, w] = [random('x', 2, 8, 15, 17), random('w', 12, 8, 3, 3)];
  const expected = conv2dReference(x, w, settings);
  const dy = random('dy', ...expected.shape);

  const tape = new Tape();
  const tensors = Object.entries({ x, w, dy }).map(([name, { shape, data }]) =>
    createTensor(gpu, name, shape, { data, differentiable: name === 'x' }),
  );
  const y = tape.keep(tape.apply(conv2d, { x: tensors[0], w: tensors[1] }, settings));
  const dx = tape.keep(gradientOf(tape.backward(y, tensors[2]), tensors[0]));
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  const error = Math.max(
    errorOverRms(await read(gpu, y), expected.data),
    errorOverRms(await read(gpu, dx), conv2dBackwardX(dy, x, w, settings).data),
  );
  plan.destroy();
  destroy(gpu, ...tensors);
  return { error, bound: BOUND, passed: error <= BOUND, milliseconds: performance.now() - start };
}

/** Largest absolute difference over the root mean square of what was expected; NaN counts as infinite. */
export function errorOverRms(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = actual.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  let squares = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    squares += expected[i] ** 2;
  }
  const rms = Math.sqrt(squares / Math.max(1, expected.length));
  return largest === 0 ? 0 : largest / rms;
}
