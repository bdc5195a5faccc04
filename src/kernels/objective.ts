// What is maximised: one channel per sample, at one unit or averaged over a region.

import source from './objective.wgsl';
import { elements, expect, expectShape, type Op, perElement } from './op.ts';
import type { ObjectiveSettings } from './reference.ts';

/** y [N] = mean over `region` of channel channels[n] (u32 [N]) of x [N,C,H,W]. Channels must be below C. */
export const objective: Op<Pick<ObjectiveSettings, 'region'>> = {
  name: 'objective',
  source,
  recipe({ x, channels }, { region: [top, left, rows, columns] }) {
    expectShape('objective', 'x', x, [-1, -1, -1, -1]);
    const [N, C, H, W] = x;
    expectShape('objective', 'channels', channels, [N]);
    const inside = top >= 0 && left >= 0 && rows > 0 && columns > 0 && top + rows <= H && left + columns <= W;
    expect('objective', inside, `region ${rows}x${columns} at (${top},${left}) lies outside x (${H}x${W}).`);
    const flops = N * rows * columns;
    return {
      outputs: { y: { shape: [N] } },
      constants: { C, H, W, TOP: top, LEFT: left, REGION_H: rows, REGION_W: columns },
      forward: { entryPoint: 'forward', bindings: ['x', 'channels', 'y'], invocations: [1, N], flops },
      backward: {
        x: {
          entryPoint: 'backward_x',
          bindings: ['channels', 'dy', 'dx'],
          invocations: perElement(x),
          flops: elements(x),
        },
      },
    };
  },
};
