// Plans: which images a run makes, each once and in a stable order, and which settings their bytes depend on.

import { describe, expect, test } from 'vitest';
import {
  displayImages,
  imageId,
  imageSettings,
  parseBlocks,
  parseDisplay,
  planDocument,
  planImages,
  runSettings,
  settingsHash,
  tasksOf,
} from '../../src/analysis/plan.ts';
import { makeNetwork } from '../../src/model/network.ts';
import { parseUnits } from '../../src/model/taps.ts';

const network = makeNetwork('resnet18', 8);
const blocks = (text?: string) => parseBlocks(network, text);
const ids = (text: string, seeds = 1, display?: string) => {
  const chosen = blocks(text);
  const request = { blocks: chosen, seeds, display: display ? parseDisplay(chosen, display) : undefined };
  return planImages(network, request).map(imageId);
};
const settings = {
  steps: 8,
  learningRate: 0.05,
  size: 96,
  seed: 4,
  retries: 2,
  jitterMode: 'faithful',
} as const;

describe('images', () => {
  test('are I and B of every channel, by their places', () => {
    expect(ids('1.1')).toEqual([
      ...Array.from({ length: 8 }, (_, c) => `1.0.O:${c}/center/0`),
      ...Array.from({ length: 8 }, (_, c) => `1.1.B:${c}/center/0`),
    ]);
  });

  test('of all seeds are those of one seed and more: the first seed of everything comes first', () => {
    const three = ids('1.1,2.0', 3);
    expect(three).toHaveLength(3 * (2 * 8 + 2 * 16));
    expect(three.slice(0, three.length / 3)).toEqual(ids('1.1,2.0'));
    expect(new Set(three).size).toBe(three.length);
  });

  test('shared by two blocks or two names are made once', () => {
    // O of 1.0, for display, is I of 1.1
    const both = ids('1.0,1.1', 2, '1.0:3');
    expect(both.filter((id) => id.startsWith('1.0.O:3/center'))).toEqual([
      '1.0.O:3/center/0',
      '1.0.O:3/center/1',
    ]);
    expect(new Set(both).size).toBe(both.length);
    expect(ids('1.1,1.0', 2, '1.0:3')).toEqual(both);
    expect(ids('1.1,1.1,1.0', 2, '1.0:3,1.0:2-3')).toEqual(ids('1.0,1.1', 2, '1.0:2,1.0:3'));
  });

  test('for display are O and the whole channels, of the first seed', () => {
    const plain = new Set(ids('1.1', 3));
    expect(ids('1.1', 3, '1.1:5').filter((id) => !plain.has(id))).toEqual([
      '1.1.O:5/center/0',
      '1.0.O:5/channel/0',
      '1.1.B:5/channel/0',
      '1.1.O:5/channel/0',
    ]);
    expect(ids('1.1', 1, 'all')).toHaveLength(2 * 8 + 4 * 8);
  });

  test('for display are the same whether they are planned or come later', () => {
    const later = displayImages(network, parseDisplay(blocks('1.1'), '1.1:5')).map(imageId);
    expect(ids('1.1', 1, '1.1:5').filter((id) => !ids('1.1').includes(id))).toEqual(later);
  });

  test('of a list of units keep its order', () => {
    const units = parseUnits(network, '1.1.O:5,1.1.B:2');
    expect(tasksOf(units, 'channel', 2).map(imageId)).toEqual([
      '1.1.O:5/channel/0',
      '1.1.O:5/channel/1',
      '1.1.B:2/channel/0',
      '1.1.B:2/channel/1',
    ]);
  });
});

describe('what is asked for', () => {
  test('is all blocks but the first unless some are named, in any order', () => {
    expect(blocks().map(({ name }) => name)).toEqual(['1.1', '2.0', '2.1', '3.0', '3.1', '4.0', '4.1']);
    expect(blocks('2.0, layer1.1').map(({ name }) => name)).toEqual(['1.1', '2.0']);
  });

  test.each(['1.2', '', '1.1,,2.0', 'all'])('is refused when it is no block: "%s"', (text) => {
    expect(() => blocks(text)).toThrow(/no block called .* in resnet18/);
  });

  test.each(['2.0:1', '1.1:8', '1.1:3-2', '1.1', '1.1.O:3', ''])(
    'is refused when it is no channel of the run: "%s"',
    (text) => {
      expect(() => parseDisplay(blocks('1.1'), text)).toThrow(/is no channel of this run/);
    },
  );
});

describe('settings', () => {
  const run = runSettings(network, 'abc', settings);

  test("of an image name its own seed and its tap's jitter", () => {
    const [shallow] = tasksOf(parseUnits(network, '1.1.B:2'), 'center', 1);
    const [, deep] = tasksOf(parseUnits(network, '3.1.B:2'), 'channel', 2);
    expect(imageSettings(run, shallow)).toMatchObject({ seed: 4, jitter: 0, objective: 'center' });
    expect(imageSettings(run, deep)).toMatchObject({ seed: 1004, jitter: 16, objective: 'channel' });
    const fixed = runSettings(network, 'abc', { ...settings, jitter: 5 });
    expect(imageSettings(fixed, deep)).toMatchObject({ jitter: 5 });
  });

  test('have a hash that every one of them changes, and nothing else', async () => {
    const { network: name, ...rest } = run;
    expect(await settingsHash({ ...rest, network: name })).toBe(await settingsHash(run));
    const changes = {
      ...{ network: 'resnet34', weightsSha256: 'd', steps: 9, learningRate: 0.1, size: 97, seed: 5 },
      ...{ retries: 3, jitter: 0, jitterMode: 'centered', scales: [1], angles: [0] },
    };
    expect(Object.keys(changes).sort()).toEqual(Object.keys(run).sort());
    const hashes = Object.entries(changes).map(([key, value]) => settingsHash({ ...run, [key]: value }));
    expect(new Set(await Promise.all([settingsHash(run), ...hashes])).size).toBe(12);
  });
});

test('a plan is a document, the same for the same request', async () => {
  const run = runSettings(network, 'abc', settings);
  const request = (text: string) => ({ blocks: blocks(text), seeds: 2, display: new Map([['1.1', [3]]]) });
  const document = await planDocument(network, run, request('2.0,1.1'));
  expect(document).toMatchObject({
    blocks: ['1.1', '2.0'],
    seeds: 2,
    display: { '1.1': [3] },
    settings: run,
  });
  expect(document.settingsHash).toBe(await settingsHash(run));
  expect(document.images).toEqual(ids('1.1,2.0', 2, '1.1:3'));
  expect(JSON.stringify(await planDocument(network, run, request('1.1,2.0')))).toBe(JSON.stringify(document));
});
