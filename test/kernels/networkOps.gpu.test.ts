// Every op of the network on the GPU against float64: every distinct shape of ResNet18 at 224 x 224 but the
// convolutions (conv2d.gpu.test.ts), and shapes chosen to be awkward.

import { afterAll, beforeAll, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import {
  addCase,
  averageCase,
  batchNormCase,
  linearCase,
  maxPoolCase,
  objectiveCase,
  packCase,
  packedMaxPoolCase,
  reluCase,
} from '../support/opCases.ts';
import { checkOp, type OpCase } from '../support/opCheck.ts';
import { STAGES } from '../support/resnet18.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const pools: Parameters<typeof maxPoolCase>[] = [
  [[1, 64, 112, 112], 3, 2, 1],
  [[1, 1, 1, 1], 3, 2, 1],
  [[1, 1, 1, 1], 1, 1, 0],
  [[2, 3, 1, 5], 3, 2, 1],
  [[3, 5, 7, 9], 3, 2, 1],
  [[8, 2, 8, 6], 3, 2, 1],
  [[1, 2, 9, 7], 2, 2, 0],
  [[1, 2, 9, 7], 2, 1, 0],
  [[1, 3, 11, 13], 3, 1, 1],
  [[1, 3, 11, 13], 3, 3, 1],
  [[1, 3, 10, 6], 4, 3, [3, 0, 1, 2]],
  [[2, 2, 7, 12], 3, 2, [0, 1, 1, 0]],
  [[2, 2, 12, 9], 3, 2, [-1, -2, 1, 0]],
  [[1, 2, 12, 9], 3, 2, [1, 1, -3, -2]],
  [[1, 2, 14, 14], 3, 2, [-5, -4, -4, -5]],
  [[1, 2, 9, 9], 5, 2, 2],
  [[3, 4, 9, 9], 3, 2, 1, true],
  [[1, 4, 8, 11], 3, 1, [2, 0, 0, 2], true],
  [[2, 64, 6, 6], 2, 2, [0, 1, 0, 1], true],
];

const cases: OpCase[] = [
  ...pools.map((settings) => maxPoolCase(...settings)),
  ...pools.map((settings) => packedMaxPoolCase(...settings)),
  packCase([1, 64, 112, 112]),
  packCase([3, 7, 5, 3]),
  packCase([2, 1, 1, 1]),
  packCase([1, 64, 56, 56], true),
  packCase([3, 7, 5, 3], true),
  packCase([2, 1, 1, 1], true),
  ...STAGES.flatMap(({ C, size, summed }) => [
    batchNormCase([1, C, size, size]),
    reluCase([1, C, size, size]),
    ...(summed ? [addCase([1, C, size, size])] : []),
  ]),
  batchNormCase([1, 1, 1, 1]),
  batchNormCase([3, 5, 1, 1]),
  batchNormCase([8, 3, 5, 7]),
  batchNormCase([2, 67, 9, 3]),
  batchNormCase([32, 6, 2, 2]),
  reluCase([1, 1]),
  reluCase([5, 3]),
  reluCase([3, 7, 5]),
  reluCase([8, 2, 9, 7]),
  reluCase([32, 3, 3, 3], true),
  reluCase([2, 64, 11, 1], true),
  addCase([1, 1, 1, 1]),
  addCase([3, 5, 7, 9]),
  addCase([1, 2, 9, 7], [3, 5], [0, 0]),
  addCase([1, 2, 9, 7], [3, 5], [6, 2]),
  addCase([8, 3, 9, 7], [1, 1], [4, 3]),
  addCase([2, 65, 5, 8], [5, 3], [0, 5]),
  addCase([3, 1, 56, 56], [5, 5], [25, 26]),
  addCase([1, 4, 2, 70], [1, 69], [1, 1]),
  averageCase([1, 512, 7, 7]),
  averageCase([1, 1, 1, 1]),
  averageCase([3, 5, 1, 7]),
  averageCase([8, 67, 3, 5]),
  averageCase([2, 3, 56, 56]),
  averageCase([32, 2, 2, 1]),
  linearCase(1, 512, 1000),
  linearCase(1, 1, 1),
  linearCase(3, 7, 5),
  linearCase(8, 65, 3),
  linearCase(2, 3, 129),
  linearCase(32, 10, 10),
  objectiveCase([1, 64, 112, 112], [17], [0, 0, 112, 112]),
  ...STAGES.slice(1).flatMap(({ C, size }) => [
    objectiveCase([2, C, size, size], [C - 1, 0], [0, 0, size, size]),
    objectiveCase([1, C, size, size], [C / 2 + 1], [Math.floor(size / 2), Math.floor(size / 2), 1, 1]),
  ]),
  objectiveCase([1, 1, 1, 1], [0], [0, 0, 1, 1]),
  objectiveCase([3, 5, 7, 9], [4, 0, 4], [3, 4, 1, 1]),
  objectiveCase([8, 3, 5, 3], [0, 1, 2, 2, 1, 0, 0, 1], [0, 0, 5, 3]),
  objectiveCase([2, 7, 9, 5], [6, 3], [2, 1, 4, 3]),
  objectiveCase([2, 2, 6, 66], [1, 0], [5, 65, 1, 1]),
];

for (const row of cases) test(row.name, () => checkOp(gpu, row));
