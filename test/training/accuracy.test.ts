// Accuracy by class and by scale: every answer counts once in each.

import { expect, test } from 'vitest';
import { accuracyOf } from '../../src/training/accuracy.ts';
import { CLASSES } from '../../src/training/shapes.ts';

test('counts right answers by class and by half octave', () => {
  const { images, accuracy, byClass, byScale } = accuracyOf([
    { label: 0, scale: 0.121, right: true },
    { label: 0, scale: 0.47, right: false },
    { label: 1, scale: 0.2, right: true },
    { label: 1, scale: 0.23, right: true },
  ]);
  expect([images, accuracy]).toEqual([4, 0.75]);
  expect(byClass).toMatchObject({
    [CLASSES[0]]: { images: 2, accuracy: 0.5 },
    [CLASSES[1]]: { images: 2, accuracy: 1 },
    [CLASSES[2]]: { images: 0, accuracy: null },
  });
  expect(byScale.map((band) => [band.images, band.accuracy])).toEqual([
    [1, 1],
    [2, 1],
    [0, null],
    [1, 0],
  ]);
  expect(byScale[0].from).toBeCloseTo(0.12, 12);
  expect(byScale[1].to).toBeCloseTo(0.24, 12);
});
