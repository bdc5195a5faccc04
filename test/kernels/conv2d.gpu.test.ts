// conv2d on the GPU against float64: the eleven distinct shapes of ResNet18 at 224 x 224, awkward ones, and
// random ones.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { between, generator } from '../support/arrays.ts';
import { convCase, type Quad } from '../support/opCases.ts';
import { checkOp, type OpCase } from '../support/opCheck.ts';
import { CONVOLUTIONS } from '../support/resnet18.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const cases: OpCase[] = [
  ...CONVOLUTIONS.map(({ C, size, K, filter, stride, pad }) =>
    convCase([1, C, size, size], [K, filter, filter], stride, pad),
  ),
  convCase([1, 1, 1, 1], [1, 1, 1]),
  convCase([1, 3, 1, 1], [5, 3, 3], 1, 1),
  convCase([8, 5, 1, 1], [7, 1, 1]),
  convCase([1, 1, 3, 3], [1, 3, 3]),
  convCase([3, 3, 5, 7], [5, 3, 3], 1, 1),
  convCase([3, 3, 5, 7], [5, 3, 3], 2, 1),
  convCase([1, 6, 9, 4], [3, 3, 3], 3, 1),
  convCase([2, 5, 13, 11], [6, 1, 1], 2),
  convCase([2, 5, 13, 11], [6, 1, 1], 3),
  convCase([1, 7, 8, 8], [9, 1, 3], 1, [0, 1, 0, 1]),
  convCase([1, 7, 8, 8], [9, 3, 1], 1, [1, 0, 1, 0]),
  convCase([1, 2, 16, 9], [3, 5, 2], 2, [4, 0, 0, 1]),
  convCase([1, 3, 17, 15], [4, 7, 7], 2, 3),
  convCase([1, 3, 17, 15], [4, 7, 7], 2, [3, 3, 2, 2]),
  convCase([2, 4, 10, 12], [5, 3, 3], 1, [0, 1, 1, 0]),
  convCase([2, 4, 10, 12], [5, 3, 3], 2, [1, 0, 0, 1]),
  convCase([1, 4, 10, 12], [5, 3, 3], 1, [-1, -1, -1, -1]),
  convCase([1, 4, 10, 12], [5, 3, 3], 1, [-3, 1, 1, -4]),
  convCase([1, 4, 15, 15], [5, 3, 3], 2, [-1, -2, -3, -4]),
  convCase([1, 4, 15, 15], [5, 3, 3], 2, [-4, -3, -2, -1]),
  convCase([1, 4, 15, 15], [5, 1, 1], 2, [-3, -4, 0, -1]),
  convCase([1, 2, 15, 15], [3, 3, 3], 3, [-5, 2, 2, -5]),
  convCase([1, 3, 21, 19], [2, 7, 7], 2, [-6, 3, 3, -5]),
  convCase([1, 2, 4, 4], [3, 3, 3], 1, 5), // more padding than filter: outputs that see nothing
  convCase([1, 2, 4, 4], [3, 3, 3], 4, 3),
  convCase([1, 2, 7, 7], [3, 2, 2], 4), // stride above the filter: inputs that nothing sees
  convCase([1, 2, 8, 70], [3, 2, 2], 3, [0, 0, 0, -50]),
  convCase([1, 65, 4, 4], [63, 3, 3], 1, 1),
  convCase([3, 17, 6, 5], [33, 3, 3], 1, 1),
  convCase([8, 12, 7, 7], [10, 3, 3], 1, 1),
  convCase([8, 8, 7, 7], [16, 3, 3], 2, 1),
  convCase([32, 3, 5, 5], [4, 3, 3], 1, 1),
  convCase([1, 2, 2, 130], [3, 1, 5], 1, [0, 2, 0, 2]),
  convCase([1, 2, 130, 2], [3, 5, 1], 1, [2, 0, 2, 0]),
  convCase([8, 64, 3, 3], [64, 3, 3], 1, [0, 0, 0, 0]),
  convCase([8, 64, 5, 5], [64, 3, 3], 1, [1, 1, -1, -1]),
];

for (const row of cases) test(row.name, () => checkOp(gpu, row));

/** A random convolution that fits: a side is too short only for the filter and the padding it got. */
function randomCase(next: () => number): OpCase | undefined {
  const pick = (low: number, high: number) => between(next, low, high);
  const shape: Quad = [pick(1, 3), pick(1, 9), pick(1, 14), pick(1, 14)];
  const filter = [pick(1, 9), pick(1, 5), pick(1, 5)];
  const stride = pick(1, 3);
  const pad: Quad = [pick(-3, 4), pick(-3, 4), pick(-3, 4), pick(-3, 4)];
  const fits = shape[2] + pad[0] + pad[2] >= filter[1] && shape[3] + pad[1] + pad[3] >= filter[2];
  return fits ? convCase(shape, filter, stride, pad) : undefined;
}

test('300 random shapes', async () => {
  const next = generator('random convolutions');
  let checked = 0;
  while (checked < 300) {
    const row = randomCase(next);
    if (!row) continue;
    await checkOp(gpu, row);
    checked++;
  }
  expect(checked).toBe(300);
});
