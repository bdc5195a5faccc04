import { expect, test } from 'vitest';
import { PUBLISHED, PUBLISHED_EXAMPLES } from '../../src/analysis/published.ts';
import { makeNetwork } from '../../src/model/network.ts';

const { blocks } = makeNetwork('resnet18');
const channelsOf = (name: string) => blocks.find((block) => block.name === name)!.channels;

test('the study looks at every block but the first', () => {
  expect(Object.keys(PUBLISHED)).toEqual(blocks.slice(1).map(({ name }) => name));
});

test('every channel exists, and no list names one twice', () => {
  for (const [name, { robust = [], namedInTop = [], topMixes }] of Object.entries(PUBLISHED)) {
    for (const list of [robust, namedInTop, topMixes]) {
      expect(new Set(list).size).toBe(list.length);
      for (const channel of list) expect(channel, name).toBeLessThan(channelsOf(name));
    }
    expect(topMixes).toHaveLength(3);
  }
  for (const channel of PUBLISHED_EXAMPLES.invariant.channels)
    expect(channel).toBeLessThan(channelsOf('3.1'));
});

test('23 channels pass with visualisations and photographs, all in blocks where many are invariant', () => {
  const robust = Object.values(PUBLISHED).filter(({ robust: list }) => list);
  expect(robust.flatMap(({ robust: list }) => list)).toHaveLength(23);
  expect(robust.every(({ invariant }) => invariant === 'many')).toBe(true);
  const zero = Object.keys(PUBLISHED).filter((name) => PUBLISHED[name].invariant === 'zero');
  expect(zero).toEqual(['3.0', '4.0', '4.1']);
});

test('overwrite dominates exactly the blocks with downsample', () => {
  for (const { name, downsample } of blocks.slice(1))
    expect(PUBLISHED[name].spectrum === 'overwrite', name).toBe(Boolean(downsample));
});
