// Bilinear resampling under an affine map, which is read per step and sample: translation, scaling and rotation
// are all this op with different maps (visualization/transforms.ts makes them).

import type { Warp } from './imageReference.ts';
import { elements, expectShape, type Op, perElement, type Shape } from './op.ts';
import source from './warp.wgsl';

export interface WarpSettings {
  /** rows and columns of y */
  size: readonly [number, number];
}

/** Numbers of one map, in the order the kernel reads them. */
export const WARP_FIELDS = [
  'xx',
  'xy',
  'x0',
  'yx',
  'yy',
  'y0',
  'xLow',
  'xHigh',
  'yLow',
  'yHigh',
] as const satisfies readonly (keyof Warp)[];

/** y [N,C,P,Q] of x [N,C,H,W]. `maps` is [steps,N,10] in the order of WARP_FIELDS, `clock` u32 [1]. */
export const warp: Op<WarpSettings> = {
  name: 'warp',
  source,
  recipe({ x, maps }, { size }) {
    expectShape('warp', 'x', x, [-1, -1, -1, -1]);
    const [N, C, H, W] = x;
    expectShape('warp', 'maps', maps, [-1, N, WARP_FIELDS.length]);
    const y: Shape = [N, C, ...size];
    const flops = 16 * elements(y);
    return {
      outputs: { y: { shape: y } },
      constants: { C, H, W, P: size[0], Q: size[1] },
      forward: {
        entryPoint: 'forward',
        bindings: ['x', 'maps', 'clock', 'y'],
        invocations: perElement(y),
        flops,
      },
      backward: {
        x: {
          entryPoint: 'backward_x',
          bindings: ['maps', 'clock', 'dy', 'dx'],
          invocations: perElement(x),
          flops,
        },
      },
    };
  },
};
