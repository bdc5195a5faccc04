// Max pooling. The argmax is saved, so the gradient goes exactly where the maximum came from.
// Two kernels: one for planar tensors, and one for packed ones (pack.ts) that applies the ReLU that follows, too.

import { outputSize } from './conv2d.ts';
import source from './maxPool.wgsl';
import { elements, expect, expectShape, type Op, perElement, type Shape } from './op.ts';
import packedSource from './packedMaxPool.wgsl';
import type { MaxPoolSettings } from './reference.ts';

/** Rows and columns of the result. Throws when a window covers no pixel of x. */
function pooledSize(
  op: string,
  [H, W]: readonly [number, number],
  { size, stride, pad: [top, left, bottom, right] }: MaxPoolSettings,
): [number, number] {
  const P = outputSize(H, size, stride, top, bottom);
  const Q = outputSize(W, size, stride, left, right);
  const covered = P > 0 && Q > 0 && Math.max(top, left, bottom, right) < size;
  expect(
    op,
    covered,
    `a window of ${size} with padding ${top},${left},${bottom},${right} misses x (${H}x${W}).`,
  );
  return [P, Q];
}

/** y, argmax [N,C,P,Q] of x [N,C,H,W]. Every window must cover at least one pixel of x. */
export const maxPool: Op<MaxPoolSettings> = {
  name: 'maxPool',
  source,
  recipe({ x }, settings) {
    expectShape('maxPool', 'x', x, [-1, -1, -1, -1]);
    const {
      size,
      stride,
      pad: [top, left],
    } = settings;
    const [N, C, H, W] = x;
    const [P, Q] = pooledSize('maxPool', [H, W], settings);
    const shape: Shape = [N, C, P, Q];
    const flops = elements(shape) * size * size;
    return {
      outputs: { y: { shape }, argmax: { shape, type: 'u32' } },
      constants: { C, H, W, P, Q, SIZE: size, STRIDE: stride, TOP: top, LEFT: left },
      forward: {
        entryPoint: 'forward',
        bindings: ['x', 'y', 'argmax'],
        invocations: perElement(shape),
        flops,
      },
      backward: {
        x: { entryPoint: 'backward_x', bindings: ['argmax', 'dy', 'dx'], invocations: perElement(x), flops },
      },
    };
  },
};

/** As packedMaxPool.wgsl has it. */
const MOST_STRIDE = 3;

/** y, argmax, packed [N,C,P,Q], of x, packed [N,C,H,W]; y is rectified. Strides up to 3. */
export const packedMaxPool: Op<MaxPoolSettings> = {
  name: 'packedMaxPool',
  source: packedSource,
  recipe({ x }, settings) {
    expectShape('packedMaxPool', 'x', x, [-1, -1, -1, -1]);
    const {
      size,
      stride,
      pad: [top, left],
    } = settings;
    const [N, PLANES, H, floats] = x;
    const W = floats / 4;
    expect('packedMaxPool', stride <= MOST_STRIDE, `stride ${stride} is above ${MOST_STRIDE}.`);
    const [P, Q] = pooledSize('packedMaxPool', [H, W], settings);
    const blocks = (n: number, before: number) =>
      Math.floor((n - 1 + before) / stride) - Math.floor(before / stride) + 1;
    const shape: Shape = [N, PLANES, P, 4 * Q];
    const flops = elements(shape) * size * size;
    return {
      outputs: { y: { shape }, argmax: { shape } },
      constants: { PLANES, H, W, P, Q, SIZE: size, STRIDE: stride, TOP: top, LEFT: left },
      forward: {
        entryPoint: 'forward',
        bindings: ['x', 'y', 'argmax'],
        invocations: [PLANES * P * Q, N],
        flops,
      },
      backward: {
        x: {
          entryPoint: 'backward_x',
          bindings: ['positions', 'dy', 'dx'],
          operands: { positions: 'argmax' },
          invocations: [PLANES * blocks(H, top) * blocks(W, left), N],
          flops,
        },
      },
    };
  },
};
