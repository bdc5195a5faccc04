// Generated images: what they depend on, that labels do not depend on scales, and that drawings are what they are called.

import { expect, test } from 'vitest';
import { CLASSES, SCALES, shapeBatch, shapeImage } from '../../src/training/shapes.ts';

const SIZE = 32;
const many = Array.from({ length: 4000 }, (_, i) => shapeImage(1, 'training', i, 4));

test('an image is a function of seed, split and number', () => {
  const image = shapeImage(1, 'training', 5, SIZE);
  expect(shapeImage(1, 'training', 5, SIZE)).toEqual(image);
  expect(image.data).toHaveLength(3 * SIZE * SIZE);
  for (const other of [
    shapeImage(2, 'training', 5, SIZE),
    shapeImage(1, 'held-out', 5, SIZE),
    shapeImage(1, 'training', 6, SIZE),
  ])
    expect(other.data).not.toEqual(image.data);
});

test('a batch is its images, normalised', () => {
  const { images, labels, scales } = shapeBatch(1, 'training', { first: 5, count: 2, size: SIZE });
  const second = shapeImage(1, 'training', 6, SIZE);
  expect([labels[1], scales[1]]).toEqual([second.label, second.scale]);
  const at = 3 * SIZE * SIZE + SIZE * SIZE + 7; // image 1, green, pixel 7
  expect(images[at]).toBeCloseTo((second.data[3 * 7 + 1] / 255 - 0.456) / 0.224, 5);
});

test('every class is drawn equally often', () => {
  // binomial: 400 each, deviation 19
  for (const [label] of CLASSES.entries()) {
    const count = many.filter((image) => image.label === label).length;
    expect(Math.abs(count - 400), CLASSES[label]).toBeLessThan(4 * 19);
  }
});

test('the scale says nothing about the class', () => {
  const octave = (scale: number) => Math.log2(scale / SCALES.smallest); // uniform on 0..2
  expect(Math.min(...many.map(({ scale }) => octave(scale)))).toBeGreaterThan(0);
  expect(Math.max(...many.map(({ scale }) => octave(scale)))).toBeLessThan(2);
  for (const [label] of CLASSES.entries()) {
    const own = many.filter((image) => image.label === label).map(({ scale }) => octave(scale));
    const mean = own.reduce((a, b) => a + b, 0) / own.length;
    expect(Math.abs(mean - 1), CLASSES[label]).toBeLessThan((4 * 2) / Math.sqrt(12 * own.length));
  }
});

/** Part of an image that is ink, from the pixels alone: paper and ink differ by far more than the noise. */
function inkOf(label: number, scale: 'small' | 'large'): number {
  const far = (a: number, b: number) => Math.abs(a - b) > 40;
  const parts: number[] = [];
  for (let i = 0; parts.length < 20 && i < 20_000; i++) {
    const { label: drawn, scale: size } = many[i % many.length];
    if (drawn !== label || (scale === 'small' ? size > 0.15 : size < 0.4)) continue;
    const { data } = shapeImage(1, 'training', i % many.length, SIZE);
    const corner = data.subarray(0, 3);
    let differ = 0;
    for (let p = 0; p < data.length; p += 3) if (far(data[p], corner[0])) differ++;
    parts.push(differ / (SIZE * SIZE));
  }
  return parts.reduce((a, b) => a + b, 0) / parts.length;
}

test('shapes grow with their scale, textures cover half of the image at any', () => {
  const disc = CLASSES.indexOf('disc');
  expect(inkOf(disc, 'small')).toBeLessThan(0.1); // pi 0.15^2 = 0.07
  expect(inkOf(disc, 'large')).toBeGreaterThan(0.4); // pi 0.4^2 = 0.5
  const stripes = CLASSES.indexOf('stripes');
  for (const scale of ['small', 'large'] as const) {
    expect(inkOf(stripes, scale)).toBeGreaterThan(0.3);
    expect(inkOf(stripes, scale)).toBeLessThan(0.7);
  }
});
