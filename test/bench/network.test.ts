// What the network cases count and hand to peers: against numbers that are known otherwise.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packedIndex } from '../../bench/convolutionCases.ts';
import { NETWORK_BOUNDS, validateNetwork } from '../../bench/networkBench.ts';
import { batchOfImages, networkCases } from '../../bench/networkCase.ts';
import { convolutionFlops, writeNetwork } from '../../bench/networkFiles.ts';
import { batchNorm, conv2d } from '../../src/kernels/reference.ts';
import { makeNetwork } from '../../src/model/network.ts';
import { randomArray } from '../support/arrays.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

test('ResNet18 has 1,813,561,344 multiply-adds in its convolutions at 224 x 224', () => {
  expect(convolutionFlops(makeNetwork('resnet18'), 224)).toBe(2 * 1_813_561_344);
});

test('peers get filters with the batch norm folded in', () => {
  const folder = mkdtempSync(join(tmpdir(), 'streamscope-test-'));
  try {
    const { network, weights } = syntheticModel();
    writeNetwork(folder, network, weights, 64);
    const { convolutions, blocks, fc } = JSON.parse(readFileSync(join(folder, 'network.json'), 'utf8'));
    const bytes = readFileSync(join(folder, 'weights.bin'));
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const take = ({ at, shape }: { at: number; shape: number[] }) =>
      Float64Array.from(values.subarray(at, at + shape.reduce((a, b) => a * b, 1)));
    expect(blocks).toHaveLength(8);
    expect(Object.keys(convolutions)).toHaveLength(20);
    expect(take(fc.bias)).toEqual(Float64Array.from(weights.get('fc.bias')!.data));

    const { weight, bias, stride, pad } = convolutions['2.0.conv1'];
    const settings = { stride, pad: [pad, pad, pad, pad] as const };
    const x = randomArray('x', [1, weight.shape[1], 9, 9]);
    const found = conv2d(x, { shape: weight.shape, data: take(weight) }, settings);
    const w = weights.get('layer2.0.conv1.weight')!;
    const field = (name: string) => Float64Array.from(weights.get(`layer2.0.bn1.${name}`)!.data);
    const plain = conv2d(x, { shape: w.shape, data: Float64Array.from(w.data) }, settings);
    const expected = batchNorm(plain, {
      gamma: field('weight'),
      beta: field('bias'),
      mean: field('running_mean'),
      variance: field('running_var'),
      eps: 1e-5,
    });
    const pixels = found.shape[2] * found.shape[3];
    const biases = take(bias);
    found.data.forEach((value, i) => {
      // float32 weights: a few units in the last place of sums of magnitude 1 to 10
      expect(value + biases[Math.floor(i / pixels)]).toBeCloseTo(expected.data[i], 5);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('samples of a batch are the images in turn', () => {
  const [one, three] = [1, 3].map(batchOfImages);
  expect(three.subarray(0, one.length)).toEqual(one);
  expect(three.subarray(2 * one.length)).toEqual(one);
  expect(three.subarray(one.length, 2 * one.length)).not.toEqual(one);
});

test('a result with a wrong sample, a swapped sample or NaN is not valid', () => {
  const reference = [Float64Array.of(1, 2, 3), Float64Array.of(-2, 0, 1)];
  const right = [...reference, ...reference].map((values) => Float32Array.from(values));
  const row = { ...networkCases.cases[1], batch: 4 };
  expect(validateNetwork(row, reference, right)).toMatchObject({ valid: true, output: 0, gradient: 0 });
  const wrong = (n: number, values: number[]) =>
    right.map((v, i) => (i === n ? Float32Array.from(values) : v));
  const off = 3 * (1 + 3 * NETWORK_BOUNDS.gradient);
  expect(validateNetwork(row, reference, wrong(3, [-2, 0, off])).valid).toBe(false);
  expect(validateNetwork(row, reference, wrong(2, [-2, 0, 1])).valid).toBe(false);
  expect(validateNetwork(row, reference, wrong(1, [Number.NaN, 0, 1])).valid).toBe(false);
  expect(validateNetwork(row, reference, wrong(1, [-2, Number.NaN, 1])).valid).toBe(false);
  const logits = { name: 'forward', batch: 4 };
  expect(validateNetwork(logits, reference, right).valid).toBe(true);
  expect(validateNetwork(logits, reference, wrong(0, [1, 2, 3.01])).valid).toBe(false);
});

test('a packed array has channel c of pixel w at 4 w + c % 4', () => {
  // [2,6,3,5]: sample 1, channel 5, row 2, column 4 is the last but two floats of 2 * 2 * 3 * 20
  const shape = [2, 6, 3, 5];
  expect(packedIndex(shape, ((1 * 6 + 5) * 3 + 2) * 5 + 4)).toBe(2 * 2 * 3 * 20 - 3);
  expect(packedIndex(shape, 0)).toBe(0);
  const all = Array.from({ length: 180 }, (_, i) => packedIndex(shape, i));
  expect(new Set(all).size).toBe(180);
});
