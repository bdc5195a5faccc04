// The product in one file, read top to bottom: from weights to the image that excites a unit most.
// Read kernels/reference.ts first, then this. Here the network is a small one with random weights.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../src/engine/device.ts';
import { Plan, submit } from '../src/engine/plan.ts';
import { errorOverRms } from '../src/engine/selfTest.ts';
import { gradientOf, Tape } from '../src/engine/tape.ts';
import { createTensor, read } from '../src/engine/tensor.ts';
import { objective } from '../src/kernels/objective.ts';
import { Parameters } from '../src/model/parameters.ts';
import { layoutOf, rowsOf } from '../src/model/receptiveField.ts';
import { recordResnet } from '../src/model/resnet.ts';
import { parseUnits } from '../src/model/taps.ts';
import { ascend } from '../src/visualization/ascend.ts';
import { type ImageResult, visualizeImages } from '../src/visualization/campaign.ts';
import { initialSpectrum } from '../src/visualization/parametrization.ts';
import { referenceNetwork, referenceStep } from './support/referenceNetwork.ts';
import { syntheticModel } from './support/syntheticWeights.ts';

const SIZE = 96;
const { network, weights } = syntheticModel({ width: 8 });
let gpu: Gpu;
let parameters: Parameters;

beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

test('a unit is a tap of the residual stream and a channel', () => {
  // 1.1 is a block: I bypasses it, B is what it adds, O is the sum
  const units = parseUnits(network, '1.1.I:3,1.1.B:3,1.1.O:3');
  expect(units.map(({ tap }) => tap.place)).toEqual(['1.0.O', '1.1.B', '1.1.O']);
});

test('a centre unit sees a window of the image, and only that is computed', () => {
  const layout = layoutOf(network, SIZE, [{ place: '1.1.O', region: 'centre' }]);
  expect(layout.windows.get('input')).toEqual({ start: 27, end: 70 });
  expect(layout.windows.get('1.1.O')).toEqual({ start: 12, end: 13 });
});

test('a tape records the network, finds the gradient by itself, and a plan replays both on the GPU', async () => {
  const layout = layoutOf(network, SIZE, [{ place: '1.1.O', region: 'centre' }]);
  const rows = rowsOf(layout, 'input');
  const pixels = Float32Array.from({ length: 3 * rows * rows }, (_, i) => Math.sin(i / 7) + Math.cos(i / 3));

  const tape = new Tape();
  const x = createTensor(gpu, 'image', [1, 3, rows, rows], { data: pixels, differentiable: true });
  const channels = createTensor(gpu, 'channels', [1], { type: 'u32', data: [3] });
  const ones = createTensor(gpu, 'ones', [1], { data: [1] });
  const places = recordResnet(tape, layout, parameters, x);
  const y = tape.keep(tape.apply(objective, { x: places.get('1.1.O')!, channels }, { region: [0, 0, 1, 1] }));
  const dx = tape.keep(gradientOf(tape.backward(y, ones), x));
  const plan = await Plan.compile(gpu, tape);
  submit(gpu, [plan]);

  // the same in plain float64 loops
  const image = { shape: [1, 3, rows, rows], data: Float64Array.from(pixels) };
  const [expected, backward] = referenceNetwork(weights, layout, '1.1.O', image);
  const dy = { shape: expected.shape, data: expected.data.map((_, channel) => (channel === 3 ? 1 : 0)) };
  expect(errorOverRms(await read(gpu, y), [expected.data[3]])).toBeLessThan(1e-5);
  expect(errorOverRms(await read(gpu, dx), backward(dy).data)).toBeLessThan(2e-5);
  plan.destroy();
});

test('gradient ascent on the spectrum of an image makes the picture that excites the unit', async () => {
  const settings = {
    steps: 24,
    learningRate: 0.05,
    size: SIZE,
    jitterMode: 'faithful',
    seed: 0,
    retries: 0,
    batch: 1,
  } as const;
  const [unit] = parseUnits(network, '1.1.O:3');
  const results: ImageResult[] = [];
  await visualizeImages(
    { gpu, network, parameters },
    [{ unit, objective: 'center', index: 0 }],
    settings,
    async (result) => {
      results.push(result);
    },
  );
  const [{ status, activation, ascent, pixels }] = results;
  expect(status).toBe('ok');
  expect(pixels).toHaveLength(SIZE * SIZE * 3);
  // from a flat grey, measured on the finished 8-bit picture without the transforms it was trained under
  expect(activation).toBeGreaterThan(ascent.objective[0] + 5 * Math.abs(ascent.objective[0]));
});

test('and the very first gradient is the one that the float64 loops find', async () => {
  const layout = layoutOf(network, SIZE, [{ place: '1.1.O', region: 'centre' }]);
  const spectrum = initialSpectrum(0, 1, SIZE);
  const shape = [1, 3, SIZE, SIZE / 2 + 1, 2];
  const expected = referenceStep(weights, layout, '1.1.O', 3, { shape, data: Float64Array.from(spectrum) });

  const transforms = { jitter: 0, scales: [1], angles: [0] };
  const settings = { objective: 'center', steps: 1, learningRate: 0.05, size: SIZE, transforms } as const;
  const [{ objective: values, firstMoment }] = await ascend(
    { gpu, network, parameters },
    '1.1.O',
    [{ channel: 3, name: 'story', seed: 0, spectrum }],
    settings,
  );
  expect(values[0]).toBeCloseTo(expected.value, 4);
  // after one step Adam's first moment is a tenth of the gradient
  expect(
    errorOverRms(
      firstMoment.map((m) => 10 * m),
      expected.gradient.data,
    ),
  ).toBeLessThan(2e-5);
});
