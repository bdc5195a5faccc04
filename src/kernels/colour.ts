// Colour: three decorrelated channels become RGB in (0,1).

import source from './colour.wgsl';
import { elements, expectShape, type Op, type Recipe, type Shape } from './op.ts';
import { packedShape, TALL } from './pack.ts';
import packedSource from './packedColour.wgsl';

/** y [N,3,H,W] = sigmoid(COLOUR x), per pixel. The matrix is `COLOUR` of imageReference.ts. */
export const colour: Op = {
  name: 'colour',
  source,
  recipe: ({ x }) => recipeOf(x, x, x[2] * x[3], {}),
};

/** The same, packed: y [N,1,H,4W] of x [N,3,H,W]. */
export const packedColour: Op = {
  name: 'packedColour',
  source: packedSource,
  recipe({ x }) {
    const STEP = Math.ceil((x[2] * x[3]) / TALL);
    return recipeOf(x, packedShape(x), STEP, { TALL, STEP });
  },
};

function recipeOf(x: Shape, y: Shape, perImage: number, constants: Record<string, number>): Recipe {
  expectShape('colour', 'x', x, [-1, 3, -1, -1]);
  const [N, , H, W] = x;
  const invocations = [perImage, N] as const;
  const flops = 12 * elements(x);
  return {
    outputs: { y: { shape: y } },
    constants: { PIXELS: H * W, ...constants },
    forward: { entryPoint: 'forward', bindings: ['x', 'y'], invocations, flops },
    // the buffer of y is bound read_write and only read
    backward: { x: { entryPoint: 'backward_x', bindings: ['y', 'dy', 'dx'], invocations, flops } },
  };
}
