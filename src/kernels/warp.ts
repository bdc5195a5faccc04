// Bilinear resampling under an affine map, which is read per step and sample: translation, scaling and rotation
// are all this op with different maps (visualization/transforms.ts makes them).

import type { Warp } from './imageReference.ts';
import { elements, expectShape, type Op, perElement, type Recipe, type Shape } from './op.ts';
import { perTallPixel, TALL } from './pack.ts';
import packedSource from './packedWarp.wgsl';
import source from './warp.wgsl';

export interface WarpSettings {
  /** rows and columns of y */
  size: readonly [number, number];
  /** packed images: most outputs along a row or a column that a pixel goes to, by candidatesOf; 3 unless it is given */
  candidates?: number;
  /** packed images: y is normalised with ImageNet's statistics */
  normalized?: boolean;
}

/** What packedWarp.wgsl adds to how far an output can be: more than rounding moves a coordinate. */
export const SLACK = 0.001;

/** Most outputs along a row or a column whose four source pixels include a given one. */
export function candidatesOf({ xx, xy, yx, yy }: Pick<Warp, 'xx' | 'xy' | 'yx' | 'yy'>): number {
  const determinant = Math.abs(xx * yy - xy * yx);
  const reach = Math.max(Math.abs(yy) + Math.abs(xy), Math.abs(xx) + Math.abs(yx)) / determinant + SLACK;
  return Math.floor(2 * reach) + 1;
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
    const y = [N, C, ...size];
    return recipeOf(maps, y, { C, H, W, P: size[0], Q: size[1] }, perElement(x), perElement(y));
  },
};

/** The same for a packed image: y [N,1,P,4Q] of x [N,1,H,4W]. */
export const packedWarp: Op<WarpSettings> = {
  name: 'packedWarp',
  source: packedSource,
  recipe({ x, maps }, { size: [P, Q], candidates = 3, normalized = false }) {
    expectShape('packedWarp', 'x', x, [-1, 1, -1, -1]);
    const [N, , H, floats] = x;
    const W = floats / 4;
    const constants = { H, W, P, Q, CANDIDATES: candidates, NORMALIZED: normalized ? 1 : 0, TALL };
    return recipeOf(maps, [N, 1, P, 4 * Q], constants, perTallPixel(N, H, W), perTallPixel(N, P, Q));
  },
};

function recipeOf(
  maps: Shape,
  y: Shape,
  constants: Record<string, number>,
  inputs: readonly [number, number],
  outputs: readonly [number, number],
): Recipe {
  expectShape('warp', 'maps', maps, [-1, y[0], WARP_FIELDS.length]);
  const flops = 16 * elements(y);
  return {
    outputs: { y: { shape: y } },
    constants,
    forward: { entryPoint: 'forward', bindings: ['x', 'maps', 'clock', 'y'], invocations: outputs, flops },
    backward: {
      x: { entryPoint: 'backward_x', bindings: ['maps', 'clock', 'dy', 'dx'], invocations: inputs, flops },
    },
  };
}
