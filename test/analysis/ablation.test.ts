// Random controls and the settings that make no ablation.

import { describe, expect, test } from 'vitest';
import { type AblationSettings, checkSettings, drawControl } from '../../src/analysis/ablation.ts';
import { makeNetwork } from '../../src/model/network.ts';
import { findTap } from '../../src/model/taps.ts';

const tap = findTap(makeNetwork('resnet18', 8), '2.1.O'); // 16 channels
const settings: AblationSettings = {
  tap,
  channels: [2, 3, 11],
  replacement: 'zero',
  mean: 'plain',
  scales: [1, 1.5],
  trials: 4,
  margin: 0.01,
  seed: 0,
  mostDraws: 20,
  batch: 4,
};

describe('controls', () => {
  const drawn = Array.from({ length: 400 }, (_, i) => drawControl(settings, i));

  test('are as many distinct channels, none of the chosen', () => {
    for (const list of drawn) {
      expect(new Set(list).size).toBe(3);
      expect(list.filter((c) => [2, 3, 11].includes(c) || c < 0 || c > 15)).toEqual([]);
      expect(list).toEqual(list.toSorted((a, b) => a - b));
    }
  });

  test('are fair: every other channel about as often', () => {
    const counts = new Map<number, number>();
    for (const channel of drawn.flat()) counts.set(channel, (counts.get(channel) ?? 0) + 1);
    expect(counts.size).toBe(13);
    // 1200 draws over 13 channels: 92 each, standard deviation 8.4 (binomial, 400 times 3/13); four of them
    for (const count of counts.values()) expect(Math.abs(count - 1200 / 13)).toBeLessThan(34);
  });

  test('depend on seed and number alone', () => {
    expect(drawControl(settings, 7)).toEqual(drawn[7]);
    expect(drawn[7]).not.toEqual(drawn[8]);
    const other = Array.from({ length: 20 }, (_, i) => drawControl({ ...settings, seed: 1 }, i));
    expect(other).not.toEqual(drawn.slice(0, 20));
  });
});

test.each<[string, Partial<AblationSettings>, RegExp]>([
  ['no channels', { channels: [] }, /No channels of 2\.1\.O/],
  ['a channel that is not there', { channels: [1, 16] }, /no channel 16/],
  ['a channel twice', { channels: [1, 4, 1] }, /Channel 1 is listed twice/],
  ['more than half', { channels: [0, 1, 2, 3, 4, 5, 6, 7, 8] }, /leave too few/],
  ['scales without 1', { scales: [1.1, 1.2] }, /expected 1 first/],
  ['falling scales', { scales: [1, 1.3, 1.2] }, /rising/],
  ['scale 2', { scales: [1, 2] }, /below 2/],
])('%s is refused', (_, part, message) => {
  expect(() => checkSettings({ ...settings, ...part })).toThrow(message);
});

test('half of the channels and one scale are an ablation', () => {
  expect(() => checkSettings({ ...settings, channels: [0, 1, 2, 3, 4, 5, 6, 7], scales: [1] })).not.toThrow();
});
