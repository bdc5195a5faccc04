// The residual sum. a may be a larger window than b; the sum then covers the part of a under b.

import source from './add.wgsl';
import { elements, expect, expectShape, type Op, perElement } from './op.ts';
import type { AddSettings } from './reference.ts';

/** y [N,C,P,Q] = a [N,C,H,W] from `offset` on + b [N,C,P,Q]. */
export const add: Op<AddSettings> = {
  name: 'add',
  source,
  recipe({ a, b }, { offset: [top, left] }) {
    expectShape('add', 'b', b, [-1, -1, -1, -1]);
    expectShape('add', 'a', a, [b[0], b[1], -1, -1]);
    const [, C, H, W] = a;
    const [, , P, Q] = b;
    const inside = top >= 0 && left >= 0 && top + P <= H && left + Q <= W;
    expect(
      'add',
      inside,
      `b covers rows ${top}..${top + P} and columns ${left}..${left + Q}, outside a (${H}x${W}).`,
    );
    const flops = elements(b);
    return {
      outputs: { y: { shape: b } },
      constants: { C, H, W, P, Q, TOP: top, LEFT: left, RECTIFY: 0 },
      forward: { entryPoint: 'forward', bindings: ['a', 'b', 'y'], invocations: perElement(b), flops },
      backward: {
        a: { entryPoint: 'backward_a', bindings: ['a', 'dy', 'da'], invocations: perElement(a), flops },
        b: { entryPoint: 'backward_b', bindings: ['dy', 'db'], invocations: perElement(b), flops },
      },
    };
  },
};
