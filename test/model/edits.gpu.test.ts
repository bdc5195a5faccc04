// Replaced channels: constants are where they should be and everything else keeps its bits; and the classifier
// answers as if the weights themselves had been changed, where that says the same.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EditedClassifier } from '../../src/analysis/accuracy.ts';
import { Gpu } from '../../src/engine/device.ts';
import { Plan, submit } from '../../src/engine/plan.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { Tape } from '../../src/engine/tape.ts';
import { createTensor, destroy, read } from '../../src/engine/tensor.ts';
import { ChannelEdit, type Replacements } from '../../src/model/edits.ts';
import { Parameters } from '../../src/model/parameters.ts';
import type { WeightTensor } from '../../src/model/weights.ts';
import { picture, tensorValues } from '../support/pictures.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 4 });
let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu.close());

test('a table is rewritten between submits of one plan', async () => {
  const [N, C, n] = [2, 5, 7];
  const values = tensorValues(N * C * n * n);
  const x = createTensor(gpu, 'x', [N, C, n, n], { data: values });
  const edit = new ChannelEdit(gpu, C);
  const tape = new Tape();
  const y = tape.keep(edit.record(tape, x));
  const plan = await Plan.compile(gpu, tape);
  const run = async (replacements: Replacements) => {
    edit.replace(replacements);
    submit(gpu, [plan]);
    return read(gpu, y);
  };
  expect(await run(new Map())).toEqual(values);
  const channelOf = (i: number) => Math.floor(i / (n * n)) % C;
  const expected = values.map((v, i) => (channelOf(i) === 1 ? 0 : channelOf(i) === 4 ? 2.5 : v));
  expect(
    await run(
      new Map([
        [1, 0],
        [4, 2.5],
      ]),
    ),
  ).toEqual(expected);
  expect(await run(new Map())).toEqual(values);
  expect(() => edit.replace(new Map([[5, 0]]))).toThrow(/no channel 5 to replace/);
  plan.destroy();
  edit.destroy();
  destroy(gpu, x);
});

/** Weights with one tensor changed at some positions. */
function changed(
  base: ReadonlyMap<string, WeightTensor>,
  name: string,
  at: (i: number) => number | undefined,
): Map<string, WeightTensor> {
  const { shape, data } = base.get(name)!;
  return new Map(base).set(name, { shape, data: data.map((v, i) => at(i) ?? v) });
}

async function logits(
  model: ReadonlyMap<string, WeightTensor>,
  place: string,
  variants: Replacements[],
): Promise<Float32Array[]> {
  const parameters = new Parameters(gpu, model);
  const classifier = await EditedClassifier.create({ gpu, network, parameters }, place, 2);
  const images = [3, 5].map((factor) => picture(224, 224).data.map((v) => (v * factor) % 256));
  const answers = await classifier.classify(images, variants);
  classifier.destroy();
  parameters.destroy();
  return answers;
}

describe('the whole network', () => {
  test('B held at a constant is a batch norm without gain and with that bias', async () => {
    const [, edited] = await logits(weights, '2.1.B', [new Map(), new Map([[3, 0.75]])]);
    const model = changed(
      changed(weights, 'layer2.1.bn2.weight', (i) => (i === 3 ? 0 : undefined)),
      'layer2.1.bn2.bias',
      (i) => (i === 3 ? 0.75 : undefined),
    );
    const [plain, expected] = await logits(model, '2.1.B', [new Map(), new Map()]);
    expect(plain).toEqual(expected);
    expect(errorOverRms(edited, expected)).toBeLessThan(1e-5);
  });

  test('O held at zero is a channel that nothing downstream reads', async () => {
    const [intact, edited] = await logits(weights, '2.1.O', [new Map(), new Map([[5, 0]])]);
    const unread = (taps: number) => (i: number) => (Math.floor(i / taps) % 8 === 5 ? 0 : undefined);
    const model = changed(
      changed(weights, 'layer3.0.conv1.weight', unread(9)),
      'layer3.0.downsample.0.weight',
      unread(1),
    );
    const [expected] = await logits(model, '2.1.O', [new Map()]);
    expect(errorOverRms(edited, expected)).toBeLessThan(1e-5);
    expect(errorOverRms(edited, intact)).toBeGreaterThan(1e-3);
  });

  test('I of a block with downsample is the bypass alone', async () => {
    const [, edited] = await logits(weights, '3.0.I', [new Map(), new Map([[2, 0.5]])]);
    const model = changed(
      changed(weights, 'layer3.0.downsample.1.weight', (i) => (i === 2 ? 0 : undefined)),
      'layer3.0.downsample.1.bias',
      (i) => (i === 2 ? 0.5 : undefined),
    );
    const [expected] = await logits(model, '3.0.I', [new Map()]);
    expect(errorOverRms(edited, expected)).toBeLessThan(1e-5);
  });

  test('an answer does not depend on the batch or on the choices before', async () => {
    const choice = new Map([[1, 0.3]]);
    const [alone] = await logits(weights, '4.0.O', [choice]);
    const [, , again] = await logits(weights, '4.0.O', [new Map([[0, 9]]), new Map(), choice]);
    expect(again).toEqual(alone);
  });
});
