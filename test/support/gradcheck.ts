// Central differences at the settings of torch.autograd.gradcheck (eps 1e-6, atol 1e-5, rtol 1e-3, float64), and
// the adjoint test of linear maps. Both take a function and its gradient as plain functions of one array.

import { expect } from 'vitest';
import { type Array64, zeros } from '../../src/kernels/reference.ts';
import { dot, randomArray, typicalDot } from './arrays.ts';

const EPS = 1e-6;
const ATOL = 1e-5;
const RTOL = 1e-3;

export type Forward = (x: Array64) => Array64;
export type Backward = (dy: Array64, x: Array64) => Array64;

/** Every element of the Jacobian: numerical by perturbing x, analytical by one-hot dy. Returns the number compared. */
export function gradcheck(name: string, x: Array64, forward: Forward, backward: Backward): number {
  const y = forward(x);
  const columns = Array.from(x.data, (value, i) => {
    const moved = (step: number): Array64 => {
      const data = x.data.slice();
      data[i] = value + step;
      return forward({ shape: x.shape, data });
    };
    const [up, down] = [moved(EPS), moved(-EPS)];
    return up.data.map((v, o) => (v - down.data[o]) / (2 * EPS));
  });
  for (let o = 0; o < y.data.length; o++) {
    const dy = zeros(...y.shape);
    dy.data[o] = 1;
    const dx = backward(dy, x);
    expect(dx.shape, `${name}: shape of dx`).toEqual(x.shape);
    for (let i = 0; i < x.data.length; i++) {
      const numerical = columns[i][o];
      if (!(Math.abs(dx.data[i] - numerical) <= ATOL + RTOL * Math.abs(numerical)))
        expect.fail(`${name}: dy[${o}]/dx[${i}] is ${dx.data[i]}, central difference ${numerical}`);
    }
  }
  return y.data.length * x.data.length;
}

/**
 * <A x, y> = <x, A' y> for `count` pairs of random vectors. The difference is relative to sqrt(sum (Ax y)^2), the
 * size such an inner product typically has; the product itself may be near zero by chance.
 */
export function adjoint(
  name: string,
  shape: readonly number[],
  forward: Forward,
  backward: Backward,
  count: number,
) {
  const origin = forward(zeros(...shape));
  for (let i = 0; i < count; i++) {
    const x = randomArray(`${name} x${i}`, shape);
    const Ax = forward(x).data.map((v, o) => v - origin.data[o]);
    const y = randomArray(`${name} y${i}`, origin.shape);
    const error = Math.abs(dot(Ax, y.data) - dot(x.data, backward(y, x).data)) / typicalDot(Ax, y.data);
    expect(error, `${name}, pair ${i}`).toBeLessThanOrEqual(1e-10);
  }
}
