// Packed activations: four channels of a pixel side by side, so that one texel holds them (op.ts). A packed tensor
// [N,C,H,W] has the shape [N,ceil(C/4),H,4W]: to element-wise ops it is planes of rows like any other.

import { elements, expect, expectShape, type Op, perElement, type Recipe, type Shape } from './op.ts';
import packSource from './pack.wgsl';
import unpackSource from './unpack.wgsl';

/** Texels that hold C channels. */
export const texels = (C: number): number => Math.ceil(C / 4);

export const packedShape = ([N, C, H, W]: Shape): Shape => [N, texels(C), H, 4 * W];

/** Pixels of a column that an invocation of the kernels of packed images has. */
export const TALL = 4;

/** One invocation per TALL pixels of a column, of N images. */
export const perTallPixel = (N: number, rows: number, columns: number): [number, number] => [
  Math.ceil(rows / TALL) * columns,
  N,
];

/** Whether an image [N,3,H,W] is packed. */
export const isPacked = ({ shape }: { shape: Shape }): boolean => shape[1] === 1;

/** A recipe of a forward and a gradient that only move numbers. */
const moving = (x: Shape, y: Shape, C: number, PIXELS: number): Recipe => ({
  outputs: { y: { shape: y } },
  constants: { C, PIXELS },
  forward: { entryPoint: 'forward', bindings: ['x', 'y'], invocations: perElement(y), flops: elements(y) },
  backward: {
    x: { entryPoint: 'backward_x', bindings: ['dy', 'dx'], invocations: perElement(x), flops: elements(x) },
  },
});

/** y [N,ceil(C/4),H,4W] of x [N,C,H,W]. */
export const pack: Op = {
  name: 'pack',
  source: packSource,
  recipe({ x }) {
    expectShape('pack', 'x', x, [-1, -1, -1, -1]);
    return moving(x, packedShape(x), x[1], x[2] * x[3]);
  },
};

/** y [N,C,H,W] of x [N,ceil(C/4),H,4W]. */
export const unpack: Op<{ channels: number }> = {
  name: 'unpack',
  source: unpackSource,
  recipe({ x }, { channels: C }) {
    expectShape('unpack', 'x', x, [-1, texels(C), -1, -1]);
    expect('unpack', x[3] % 4 === 0, `x has rows of ${x[3]} floats, expected whole texels.`);
    const [N, , H, floats] = x;
    return moving(x, [N, C, H, floats / 4], C, (H * floats) / 4);
  },
};
