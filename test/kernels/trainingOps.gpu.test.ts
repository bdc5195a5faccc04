// Every op of training on the GPU against float64, and its gradients accumulating: the shapes of a narrow ResNet18, and
// awkward ones. Running statistics and SGD, which change what they are given, over a few steps.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import type { Array64 } from '../../src/kernels/reference.ts';
import * as T from '../../src/kernels/trainingReference.ts';
import { advance, runningStatistics, sgd } from '../../src/kernels/update.ts';
import { randomArray } from '../support/arrays.ts';
import { checkOp, type OpCase } from '../support/opCheck.ts';
import { simdLanes } from '../support/simd.ts';
import {
  batchNormTrainingCase,
  crossEntropyCase,
  fewerSamplesCase,
  packedBatchNormTrainingCase,
  simdTrainedConvCase,
  trainedConvCase,
  trainedLinearCase,
} from '../support/trainingCases.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

type Shapes = Parameters<typeof trainedConvCase>;
const convolutions: Shapes[] = [
  [[4, 3, 32, 32], [8, 7, 7], 2, [3, 3, 3, 3]],
  [[4, 8, 8, 8], [8, 3, 3], 1, [1, 1, 1, 1]],
  [[4, 8, 8, 8], [16, 3, 3], 2, [1, 1, 1, 1]],
  [[4, 8, 8, 8], [16, 1, 1], 2, [0, 0, 0, 0]],
  [[4, 64, 1, 1], [64, 3, 3], 1, [1, 1, 1, 1]],
  [[1, 1, 1, 1], [1, 1, 1], 1, [0, 0, 0, 0]],
  [[7, 2, 9, 5], [3, 3, 2], 3, [2, 0, 1, 1]],
  [[3, 2, 9, 11], [3, 3, 3], 1, [-2, 1, -1, -3]],
  [[3, 2, 9, 11], [2, 3, 3], 2, [-3, -1, 2, 0]],
  [[2, 1, 2, 2], [2, 5, 5], 1, [2, 2, 2, 2]],
];

const simdConvolutions: Shapes[] = [
  ...convolutions,
  [[33, 4, 5, 6], [20, 3, 3], 1, [1, 1, 1, 1]],
  [[3, 6, 7, 7], [18, 3, 3], 2, [1, 1, 1, 1]],
  [[2, 5, 13, 3], [3, 4, 4], 3, [0, 1, 3, 2]],
];

const cases: OpCase[] = [
  ...convolutions.map((shapes) => trainedConvCase(...shapes)),
  batchNormTrainingCase([4, 8, 16, 16]),
  batchNormTrainingCase([16, 64, 1, 1]),
  batchNormTrainingCase([3, 5, 7, 9]),
  batchNormTrainingCase([2, 67, 3, 1]),
  batchNormTrainingCase([4, 3, 8, 8], 100),
  packedBatchNormTrainingCase([4, 8, 16, 16]),
  packedBatchNormTrainingCase([3, 5, 7, 9]),
  packedBatchNormTrainingCase([2, 67, 3, 1]),
  packedBatchNormTrainingCase([4, 3, 8, 8], 100),
  trainedLinearCase(16, 64, 10),
  trainedLinearCase(1, 1, 1),
  trainedLinearCase(3, 129, 5),
  trainedLinearCase(5, 3, 67),
  crossEntropyCase(16, 10),
  crossEntropyCase(1, 2),
  crossEntropyCase(67, 3),
  crossEntropyCase(3, 1000),
  crossEntropyCase(5, 7, 200),
];

for (const row of cases) test(row.name, () => checkOp(gpu, row));

for (const shapes of simdConvolutions)
  test(`trainedConv ${shapes.join(' ')}`, (context) =>
    checkOp(gpu, simdTrainedConvCase(...shapes, simdLanes(gpu, context))));

test('samples are summed in groups where weights are few, and the last group may be smaller', async () => {
  const groups = (N: number, weights: readonly number[]) => {
    const [K, C, R, S] = weights;
    const { w } = conv2d.recipe(
      { x: [N, C, R, S], w: [K, C, R, S] },
      { stride: 1, pad: [0, 0, 0, 0] },
    ).backward;
    return [w.constants!.SAMPLES, w.scratch!.parts[0]];
  };
  expect(groups(7, [8, 3, 7, 7])).toEqual([1, 7]);
  expect(groups(8, [64, 64, 3, 3])).toEqual([2, 4]);
  expect(groups(7, [64, 64, 3, 3])).toEqual([2, 4]); // the last holds one sample: checked below
  expect(groups(7, [512, 512, 3, 3])).toEqual([7, 1]);
  await checkOp(gpu, trainedConvCase([7, 64, 1, 1], [64, 3, 3], 1, [1, 1, 1, 1]));
  await checkOp(gpu, fewerSamplesCase([8, 64, 3, 3], [64, 3, 3]));
});

const close = (actual: Float32Array, { data }: Pick<Array64, 'data'>, bound: number, what: string) => {
  const wrong = actual.findIndex((v, i) => !(Math.abs(v - data[i]) <= bound * (1 + Math.abs(data[i]))));
  expect(wrong, `${what} is ${actual[wrong]}, expected ${data[wrong]}`).toBe(-1);
};

describe('updates', () => {
  // each step rounds a few times, and what is rounded has about size 1
  for (const shape of [[1], [67], [4, 3, 7, 7]])
    test(`sgd ${shape}: three steps of different rates`, async () => {
      const settings = { momentum: 0.9, decay: 5e-3 };
      const [p, g] = [randomArray(`p ${shape}`, shape), randomArray(`g ${shape}`, shape)];
      const m = { shape, data: new Float64Array(p.data.length) };
      const rates = [0.5, 0.125, 0.25];
      const tensors = {
        p: createTensor(gpu, 'p', shape, { data: p.data }),
        m: createTensor(gpu, 'm', shape),
        g: createTensor(gpu, 'g', shape, { data: g.data }),
        rates: createTensor(gpu, 'rates', [3], { data: rates }),
        clock: createTensor(gpu, 'clock', [1], { type: 'u32' }),
      };
      const tape = new Tape();
      tape.update(sgd(shape, settings), tensors);
      tape.update(advance(), tensors);
      const plan = await Plan.compile(gpu, tape);
      for (const rate of rates) {
        submit(gpu, [plan]);
        T.sgd(p, m, g, rate, settings);
        close(await read(gpu, tensors.p), p, 1e-6, 'p');
        close(await read(gpu, tensors.m), m, 1e-6, 'm');
      }
      plan.destroy();
      destroy(gpu, ...Object.values(tensors));
    });

  test('running statistics follow, with the variance of the population', async () => {
    const [channels, count] = [67, 5];
    const of = (name: string, mean: number) => randomArray(name, [channels], mean).data;
    const batch = { mean: of('mean', 0), variance: of('variance', 2), count };
    const running = { mean: of('running mean', 0), variance: of('running variance', 2) };
    const tensors = {
      mean: createTensor(gpu, 'mean', [channels], { data: batch.mean }),
      variance: createTensor(gpu, 'variance', [channels], { data: batch.variance }),
      runningMean: createTensor(gpu, 'running mean', [channels], { data: running.mean }),
      runningVariance: createTensor(gpu, 'running variance', [channels], { data: running.variance }),
    };
    const tape = new Tape();
    tape.update(runningStatistics(channels, count, 0.1), tensors);
    const plan = await Plan.compile(gpu, tape);
    for (let step = 0; step < 2; step++) {
      submit(gpu, [plan]);
      T.trackStatistics(running, batch, 0.1);
      close(await read(gpu, tensors.runningMean), { data: running.mean }, 1e-6, 'mean');
      close(await read(gpu, tensors.runningVariance), { data: running.variance }, 1e-6, 'variance');
    }
    plan.destroy();
    destroy(gpu, ...Object.values(tensors));
  });
});
