// Packed activations: four channels of a pixel side by side, so that one texel holds them (op.ts). A packed tensor
// [N,C,H,W] has the shape [N,ceil(C/4),H,4W]: to element-wise ops it is planes of rows like any other.

import { elements, expect, expectShape, type Op, type Pass, perElement, type Shape } from './op.ts';
import source from './pack.wgsl';

/** Texels that hold C channels. */
export const texels = (C: number): number => Math.ceil(C / 4);

export const packedShape = ([N, C, H, W]: Shape): Shape => [N, texels(C), H, 4 * W];

/** Whether an image [N,3,H,W] is packed. */
export const isPacked = ({ shape }: { shape: Shape }): boolean => shape[1] === 1;

const pass = (entryPoint: string, bindings: readonly string[], shape: Shape): Pass => ({
  entryPoint,
  bindings,
  invocations: perElement(shape),
  flops: 0,
});

/** y [N,ceil(C/4),H,4W] of x [N,C,H,W]. */
export const pack: Op = {
  name: 'pack',
  source,
  recipe({ x }) {
    expectShape('pack', 'x', x, [-1, -1, -1, -1]);
    const shape = packedShape(x);
    return {
      outputs: { y: { shape } },
      constants: { C: x[1], PIXELS: x[2] * x[3] },
      forward: pass('pack', ['x', 'y'], shape),
      backward: { x: pass('backward_pack', ['dy', 'dx'], x) },
    };
  },
};

/** y [N,C,H,W] of x [N,ceil(C/4),H,4W]. */
export const unpack: Op<{ channels: number }> = {
  name: 'unpack',
  source,
  recipe({ x }, { channels: C }) {
    expectShape('unpack', 'x', x, [-1, texels(C), -1, -1]);
    expect('unpack', x[3] % 4 === 0, `x has rows of ${x[3]} floats, expected whole texels.`);
    const shape: Shape = [x[0], C, x[2], x[3] / 4];
    return {
      outputs: { y: { shape } },
      constants: { C, PIXELS: elements(shape.slice(2)) },
      forward: pass('unpack', ['x', 'y'], shape),
      backward: { x: pass('backward_unpack', ['dy', 'dx'], x) },
    };
  },
};
