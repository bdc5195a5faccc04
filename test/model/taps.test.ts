// Names of taps and units, and what is said when they are wrong.

import { describe, expect, test } from 'vitest';
import { closest } from '../../src/model/closest.ts';
import { makeNetwork, networkOf } from '../../src/model/network.ts';
import { missingTensors, requiredTensors, requireTensors } from '../../src/model/parameters.ts';
import { findTap, parseUnits, tapsOf, unitName } from '../../src/model/taps.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const network = makeNetwork('resnet18');

const failure = (work: () => unknown): { message: string; hint?: string; code?: number } => {
  try {
    work();
  } catch (error) {
    return error as { message: string; hint?: string; code?: number };
  }
  throw new Error('nothing was thrown');
};

test('there are three taps per block, from 1.0 to 4.1', () => {
  const names = tapsOf(network).map(({ name }) => name);
  expect(names).toHaveLength(24);
  expect([names[0], names.at(-1)]).toEqual(['1.0.I', '4.1.O']);
});

test.each([
  ['1.1.B', '1.1.B'],
  ['layer1.1.bn2', '1.1.B'],
  ['2.0.I', '2.0.I'],
  ['layer2.0.downsample.1', '2.0.I'],
  ['layer1.1', '1.1.O'],
  ['layer1.1.prerelu_out', '1.1.O'],
  ['1.1.I', '1.0.O'],
  ['layer1.0', '1.0.O'],
  ['1.0.I', 'maxpool'],
  ['maxpool', 'maxpool'],
  ['4.1.I', '4.0.O'],
])('%s reads the place %s', (name, place) => expect(findTap(network, name).place).toBe(place));

describe('units', () => {
  test('ranges and lists', () => {
    expect(parseUnits(network, '1.1.B:0-2, 2.1.O:108').map(unitName)).toEqual([
      '1.1.B:0',
      '1.1.B:1',
      '1.1.B:2',
      '2.1.O:108',
    ]);
  });

  test('two names of one place are one unit', () => {
    expect(parseUnits(network, '1.1.I:19,1.0.O:19').map(unitName)).toEqual(['1.1.I:19']);
  });

  test.each([
    ['1.1.X:3', /no tap called 1\.1\.X/, /Did you mean 1\.1\.[IBO]\?/],
    ['layer1.1.bn3:3', /no tap called layer1\.1\.bn3/, /Did you mean layer1\.1\.bn2\?/],
    ['1.1.B', /"1\.1\.B" is not a unit/, /1\.1\.B:19/],
    ['1.1.B:64', /channels that 1\.1\.B does not have/, /0-63/],
    ['1.1.B:5-3', /channels that/, /0-63/],
    ['', /"" is not a unit/, /1\.1\.B:19/],
    ['1.1.B:-1', /is not a unit/, /1\.1\.B:19/],
  ])('"%s" is refused', (text, message, hint) => {
    const error = failure(() => parseUnits(network, text));
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
    expect(error.code).toBe(64);
  });
});

test('closest names the nearest, or all when none is near', () => {
  expect(closest('resnet81', ['resnet18', 'resnet34'])).toBe('Did you mean resnet18?');
  expect(closest('vgg', ['resnet18', 'resnet34'])).toBe('Known: resnet18, resnet34.');
});

describe('weights', () => {
  const { weights } = syntheticModel({ width: 8 });

  test('the network is recognised from its tensors, also in part', () => {
    expect(networkOf(weights, 'w')).toEqual(makeNetwork('resnet18', 8, 10));
    const part = new Map(
      [...weights].filter(([name]) => !name.startsWith('layer4') && !name.startsWith('fc')),
    );
    expect(networkOf(part, 'w')).toMatchObject({ name: 'resnet18', width: 8 });
    expect(networkOf(syntheticModel({ name: 'resnet34', width: 4 }).weights, 'w').blocks).toHaveLength(16);
  });

  test('other files are refused by name', () => {
    expect(failure(() => networkOf(new Map(), 'w')).message).toMatch(/w: conv1\.weight is missing/);
    const bottleneck = new Map([
      ...weights,
      ['layer1.0.conv3.weight', { shape: [1], data: new Float32Array(1) }] as const,
    ]);
    expect(failure(() => networkOf(bottleneck, 'w')).message).toMatch(/bottleneck/);
  });

  test('a partial file serves the taps that need nothing missing, and the error names the rest', () => {
    const part = new Map([...weights].filter(([name]) => !name.startsWith('layer3.1.conv2')));
    const part8 = networkOf(part, 'w');
    expect(missingTensors(part8, part, '3.0.O', 'w')).toEqual([]);
    expect(missingTensors(part8, part, '3.1.B', 'w')).toEqual(['layer3.1.conv2.weight']);
    const error = failure(() => requireTensors(part8, part, ['3.0.O', '3.1.O'], 'part.pth'));
    expect(error.message).toBe('part.pth cannot serve 3.1.O: layer3.1.conv2.weight is missing.');
    expect(error.hint).toBe('It serves 1.0.I to 3.1.I.');
    expect(error.code).toBe(65);
  });

  test('a wrong shape is named with both shapes', () => {
    const wrong = new Map(weights);
    wrong.set('layer1.0.conv1.weight', { shape: [8, 8, 5, 5], data: new Float32Array(1600) });
    const error = failure(() => missingTensors(makeNetwork('resnet18', 8, 10), wrong, '1.0.O', 'w.pth'));
    expect(error.message).toBe('w.pth: layer1.0.conv1.weight is [8,8,5,5], expected [8,8,3,3].');
  });

  test('what is required grows along the stream and has torchvision names', () => {
    expect([...requiredTensors(network, 'maxpool').keys()]).toEqual([
      'conv1.weight',
      'bn1.weight',
      'bn1.bias',
      'bn1.running_mean',
      'bn1.running_var',
    ]);
    expect(requiredTensors(network, 'logits').size).toBe(20 * 5 + 2);
    expect(requiredTensors(network, '2.0.I').has('layer2.0.conv1.weight')).toBe(false);
  });
});
