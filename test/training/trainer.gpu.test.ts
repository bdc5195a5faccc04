// Training against PyTorch: 20 steps of torchvision's ResNet18 with 8 channels for 64, from the same weights and batches
// (fixtures/make_training.py), and a state that is saved and restored between two steps.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { makeNetwork } from '../../src/model/network.ts';
import { requiredTensors } from '../../src/model/parameters.ts';
import { parseSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import type { Weights, WeightTensor } from '../../src/model/weights.ts';
import { packCheckpoint, unpackCheckpoint } from '../../src/training/checkpoint.ts';
import { residualNetwork } from '../../src/training/classifiers.ts';
import { type Batch, startFrom, Trainer } from '../../src/training/trainer.ts';
import { randomArray } from '../support/arrays.ts';

interface Trajectory {
  width: number;
  classes: number;
  size: number;
  batch: number;
  rates: number[];
  momentum: number;
  weight_decay: number;
  /** in float64 */
  losses: number[];
  /** largest relative differences from the losses: in float32, and with the last bit of the inputs changed */
  float32: number;
  nudged: number;
  tensors: Record<string, { shape: number[]; norm: number; sample: number[]; float32: number }>;
}

const golden: Trajectory = JSON.parse(
  readFileSync(new URL('../fixtures/training.json', import.meta.url), 'utf8'),
).trajectory;
const { size, batch, classes, rates, momentum, tensors } = golden;
const network = makeNetwork('resnet18', golden.width, classes);
const classifier = residualNetwork(network, size);
const settings = { batch, rates, momentum, decay: golden.weight_decay };

let gpu: Gpu;
beforeAll(async () => {
  gpu = await Gpu.acquire();
});
afterAll(() => gpu?.close());

/** Weights before the first step, as the fixture's script makes them. */
function initial(): Weights {
  const make = (name: string, shape: readonly number[]): WeightTensor => {
    const count = shape.reduce((a, b) => a * b, 1);
    const ones = /(weight|running_var)$/.test(name) ? 1 : 0;
    if (shape.length === 1) return { shape, data: new Float32Array(count).fill(ones) };
    const [K, C, R = 1, S = 1] = shape;
    const deviation = shape.length === 4 ? Math.sqrt(2 / (K * R * S)) : 1 / Math.sqrt(3 * C);
    return { shape, data: Float32Array.from(randomArray(name, shape).data, (v) => v * deviation) };
  };
  const required = [...requiredTensors(network, 'logits')];
  return new Map(required.map(([name, shape]) => [name, make(name, shape)]));
}

/** Noise about a pattern for each class. */
function batchOf(step: number): Batch {
  const labels = Uint32Array.from({ length: batch }, (_, i) => (7 * (step * batch + i) + step) % classes);
  const noise = randomArray(`batch ${step}`, [batch, 3, size, size]).data;
  const patterns = Array.from({ length: classes }, (_, k) => randomArray(`pattern ${k}`, [3 * size * size]));
  const pixels = 3 * size * size;
  const images = Float32Array.from(
    noise,
    (v, i) => 0.5 * v + patterns[labels[Math.floor(i / pixels)]].data[i % pixels],
  );
  return { images, labels };
}

const relativeL2 = (actual: readonly number[], expected: readonly number[]): number =>
  Math.hypot(...actual.map((v, i) => v - expected[i])) / Math.hypot(...expected);

// How far rounding leads in 20 steps, and in which conditions it leads no further, is measured in make_training.py
const BOUND = 1e-4;

test('the bound is far above what rounding does to PyTorch itself', () => {
  expect(Math.max(golden.float32, golden.nudged)).toBeLessThan(BOUND / 10);
  expect(Math.max(...Object.values(tensors).map(({ float32 }) => float32))).toBeLessThan(BOUND / 10);
});

test.each(['plain', 'fast'])(
  '20 steps of the %s kernels follow PyTorch: losses and weights',
  async (kernels) => {
    const start = initial();
    const plain = kernels === 'plain';
    const trainer = await Trainer.create(gpu, classifier, { ...settings, plain }, startFrom(start));
    for (const [step, expected] of golden.losses.entries()) {
      const loss = await trainer.train(batchOf(step));
      expect(Math.abs(loss - expected) / expected, `loss ${step}: ${loss}`).toBeLessThan(BOUND);
    }
    const { weights, step } = await trainer.state();
    expect(step).toBe(golden.losses.length);
    expect([...weights.keys()].sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, { shape, norm, sample }] of Object.entries(tensors)) {
      const { data, shape: ours } = weights.get(name)!;
      expect(ours).toEqual(shape);
      const all = Array.from({ length: 24 }, (_, i) => Math.floor((i * data.length) / 24));
      const indices = [...new Set(all)];
      const actual = indices.map((i) => data[i]);
      expect(relativeL2(actual, sample), name).toBeLessThan(BOUND);
      expect(Math.abs(Math.hypot(...data) / norm - 1), `norm of ${name}`).toBeLessThan(BOUND);
      // and so does what was learned: what stands still would agree, too
      const learned = Math.hypot(...sample.map((v, i) => v - start.get(name)!.data[indices[i]]));
      const wrong = Math.hypot(...sample.map((v, i) => v - actual[i]));
      expect(wrong / learned, `what ${name} learned`).toBeLessThan(1e-3);
    }
    trainer.destroy();
  },
);

test('saved and restored, training goes on to the same bytes', async () => {
  const bytesOf = async (trainer: Trainer, losses: number[]) =>
    writeSafetensors(packCheckpoint({ ...(await trainer.state()), losses }));
  const run = async (trainer: Trainer, losses: number[], until: number) => {
    while (trainer.step < until) losses.push(await trainer.train(batchOf(trainer.step)));
    const bytes = await bytesOf(trainer, losses);
    trainer.destroy();
    return bytes;
  };
  const before = gpu.liveBytes;
  const whole = await run(await Trainer.create(gpu, classifier, settings, startFrom(initial())), [], 4);
  const half = await run(await Trainer.create(gpu, classifier, settings, startFrom(initial())), [], 2);
  const { losses, ...state } = unpackCheckpoint(parseSafetensors(half), 'half');
  expect([state.step, losses.length]).toEqual([2, 2]);
  const resumed = await run(await Trainer.create(gpu, classifier, settings, state), [...losses], 4);
  expect(Buffer.compare(resumed, whole)).toBe(0);
  expect(Buffer.compare(half, whole)).not.toBe(0);
  expect(gpu.liveBytes, 'bytes left allocated').toBe(before);
});

test('a loss that is not finite is an error, and so is a step too many', async () => {
  const weights = new Map(initial());
  weights.set('fc.bias', { shape: [classes], data: new Float32Array(classes).fill(Number.NaN) });
  const trainer = await Trainer.create(gpu, classifier, { ...settings, rates: [0.1] }, startFrom(weights));
  await expect(trainer.train(batchOf(0))).rejects.toThrow('The loss of step 0 is NaN');
  await expect(trainer.train(batchOf(1))).rejects.toThrow('all 1 steps are done');
  trainer.destroy();
});

test('a batch of one has no statistics', async () => {
  const one = Trainer.create(gpu, classifier, { ...settings, batch: 1 }, startFrom(initial()));
  await expect(one).rejects.toThrow('A batch is 1, expected 2 images or more.');
});
