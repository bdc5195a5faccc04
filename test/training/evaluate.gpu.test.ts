// What is evaluated is the network that everything else runs: the plain kernels give the same logits.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { layoutOf } from '../../src/model/receptiveField.ts';
import { recordResnet } from '../../src/model/resnet.ts';
import { linearClassifier, residualNetwork } from '../../src/training/classifiers.ts';
import { Evaluator } from '../../src/training/evaluate.ts';
import { randomArray } from '../support/arrays.ts';
import { FORWARD_BOUND } from '../support/opCheck.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

const SIZE = 32;
const BATCH = 3;
const { network, weights } = syntheticModel({ width: 8 });
const images = Float32Array.from(randomArray('images', [BATCH, 3, SIZE, SIZE]).data);

const evaluator = () => Evaluator.create(gpu, residualNetwork(network, SIZE), weights, BATCH);

test('its logits are those of the network that is visualised', async () => {
  const evaluate = await evaluator();
  const actual = await evaluate.logitsOf(images);
  evaluate.destroy();

  const layout = layoutOf(network, SIZE, [
    { place: `${network.blocks.at(-1)!.name}.O`, region: 'all' },
    { place: 'input', region: 'all' },
  ]);
  const x = createTensor(gpu, 'x', [BATCH, 3, SIZE, SIZE], { data: images });
  const parameters = new Parameters(gpu, weights);
  const tape = new Tape();
  const places = recordResnet(tape, layout, parameters, x, { head: true, plain: true });
  const logits = tape.keep(places.get('logits')!);
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);
  expect(errorOverRms(actual, await read(gpu, logits))).toBeLessThan(FORWARD_BOUND);
  plan.destroy();
  parameters.destroy();
  destroy(gpu, x);
});

test('is right where the largest logit is the label', async () => {
  const evaluate = await evaluator();
  const logits = await evaluate.logitsOf(images);
  const best = Uint32Array.from({ length: BATCH }, (_, n) => {
    const row = [...logits.subarray(10 * n, 10 * (n + 1))];
    return row.indexOf(Math.max(...row));
  });
  const labels = best.map((label, n) => (n === 1 ? (label + 1) % 10 : label));
  expect(await evaluate.isRight({ images, labels })).toEqual([true, false, true]);
  evaluate.destroy();
});

test('a linear classifier multiplies', async () => {
  const classifier = linearClassifier(2, 2);
  const w = Float32Array.from({ length: 24 }, (_, i) => i - 10);
  const learned = new Map([
    ['fc.weight', { shape: [2, 12], data: w }],
    ['fc.bias', { shape: [2], data: new Float32Array([0.5, -3]) }],
  ]);
  const evaluate = await Evaluator.create(gpu, classifier, learned, 1);
  const x = Float32Array.from({ length: 12 }, (_, i) => (i % 3) - 1);
  const logit = (k: number) =>
    x.reduce((sum, v, i) => sum + v * w[12 * k + i], learned.get('fc.bias')!.data[k]);
  expect([...(await evaluate.logitsOf(x))]).toEqual([logit(0), logit(1)]);
  evaluate.destroy();
});
