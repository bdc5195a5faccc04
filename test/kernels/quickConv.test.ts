// The quick loops of test/support against the plain ones, for strides, uneven and negative padding.

import { describe, expect, test } from 'vitest';
import { conv2d, conv2dBackwardX } from '../../src/kernels/reference.ts';
import { randomArray } from '../support/arrays.ts';
import { quickConv2d, quickConv2dBackwardX } from '../support/quickConv.ts';

const CASES = [
  { x: [2, 3, 9, 9], w: [4, 3, 3, 3], stride: 1, pad: [1, 1, 1, 1] },
  { x: [1, 2, 15, 14], w: [3, 2, 7, 7], stride: 2, pad: [3, 3, 2, 2] },
  { x: [2, 4, 8, 8], w: [5, 4, 1, 1], stride: 2, pad: [0, 0, 0, 0] },
  { x: [1, 3, 9, 10], w: [2, 3, 3, 3], stride: 2, pad: [-1, -2, 0, -1] },
  { x: [1, 3, 2, 2], w: [2, 3, 3, 3], stride: 1, pad: [3, 0, 1, 2] },
] as const;

describe.each(CASES)('x $x, w $w, stride $stride, padding $pad', ({ x: shape, w: filter, stride, pad }) => {
  const [x, w] = [randomArray('x', shape), randomArray('w', filter)];
  const y = conv2d(x, w, { stride, pad });

  test('forward', () => {
    const found = quickConv2d(x, w, { stride, pad });
    expect(found.shape).toEqual(y.shape);
    found.data.forEach((value, i) => void expect(value).toBeCloseTo(y.data[i], 12));
  });

  test('gradient', () => {
    const dy = randomArray('dy', y.shape);
    const expected = conv2dBackwardX(dy, x, w, { stride, pad });
    const found = quickConv2dBackwardX(dy, x, w, { stride, pad });
    expect(found.shape).toEqual(expected.shape);
    found.data.forEach((value, i) => void expect(value).toBeCloseTo(expected.data[i], 12));
  });
});
