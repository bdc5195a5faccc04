// A state of training in one file and back.

import { expect, test } from 'vitest';
import { parseSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { type Checkpoint, packCheckpoint, unpackCheckpoint } from '../../src/training/checkpoint.ts';

const tensor = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });
const checkpoint: Checkpoint = {
  step: 2,
  weights: new Map([
    ['bn1.running_mean', tensor(5)],
    ['bn1.weight', tensor(1, 2)],
  ]),
  momenta: new Map([['bn1.weight', tensor(3, 4)]]),
  losses: [2.5, 1.25],
};

test('comes back as it was', () => {
  const bytes = writeSafetensors(packCheckpoint(checkpoint));
  expect(unpackCheckpoint(parseSafetensors(bytes), 'file')).toEqual(checkpoint);
});

test.each([
  ['training/step', 'its step, or a loss, is missing'],
  ['training/losses', 'its step, or a loss, is missing'],
  ['momentum/bn1.weight', 'the momentum of bn1.weight is missing'],
])('without %s it is no checkpoint', (name, message) => {
  const tensors = new Map(packCheckpoint(checkpoint));
  tensors.delete(name);
  expect(() => unpackCheckpoint(tensors, 'file')).toThrow(message);
});
