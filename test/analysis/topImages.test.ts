// The extremes of every unit against sorting everything, with many ties.

import { expect, test } from 'vitest';
import { TopImages } from '../../src/analysis/topImages.ts';
import { randomIntegers } from '../support/arrays.ts';

/** Python's sorted([(activation, image), ...], reverse=True). */
const sortedDown = (activations: readonly number[]): number[] =>
  activations.map((_, image) => image).sort((a, b) => activations[b] - activations[a] || b - a);

test.each([1, 5, 9, 40])('%i images', (images) => {
  const channels = 6;
  const { data } = randomIntegers(`top ${images}`, [images, channels], -3, 3);
  const found = new TopImages(channels);
  for (let i = 0; i < images; i++) found.add(i, data.subarray(i * channels, (i + 1) * channels));
  for (let c = 0; c < channels; c++) {
    const order = sortedDown(Array.from({ length: images }, (_, i) => data[i * channels + c]));
    expect(found.top[c]).toEqual(order.slice(0, 9));
    expect(found.bottom[c]).toEqual(order.toReversed().slice(0, 9));
  }
});

test('of equal images the larger number is stronger', () => {
  const found = new TopImages(1, 2);
  for (let i = 0; i < 5; i++) found.add(i, [7]);
  expect(found.top).toEqual([[4, 3]]);
  expect(found.bottom).toEqual([[0, 1]]);
});
