// A whole ablation of a synthetic network: labels are what the intact network says, so its accuracy is 1; everything
// else is counted here a second time from the classifier's logits.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type AblationSettings,
  type AblationSource,
  drawControl,
  measureAblation,
} from '../../src/analysis/ablation.ts';
import { EditedClassifier, type LabelledImage, rankOf } from '../../src/analysis/accuracy.ts';
import { Gpu } from '../../src/engine/device.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { type Pixels, prepare } from '../../src/model/preprocess.ts';
import { findTap } from '../../src/model/taps.ts';
import { CentreMeter, cropPixels, type MeasureContext } from '../../src/visualization/measure.ts';
import { picture } from '../support/pictures.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 4 });
const photos: Pixels[] = Array.from({ length: 10 }, (_, n) => {
  const { data, ...shape } = picture(100 + n, 140);
  return { ...shape, data: data.map((v, i) => (v * (n + 2) + (i >> n) * n) % 256) };
});
const settings: AblationSettings = {
  tap: findTap(network, '2.1.O'),
  channels: [1, 4, 6],
  replacement: 'zero',
  mean: 'rectified',
  scales: [1, 1.3],
  trials: 3,
  margin: 1,
  seed: 0,
  mostDraws: 9,
  batch: 4,
};

let gpu: Gpu;
let context: MeasureContext;
let labels: number[];

/** Logits of all photographs at a scale for one choice of channels. */
async function logitsOf(scale: number, choice: ReadonlyMap<number, number>): Promise<Float32Array[]> {
  const classifier = await EditedClassifier.create(context, '2.1.O', photos.length);
  const [all] = await classifier.classify(
    photos.map((photo) => prepare(photo, scale).data),
    [choice],
  );
  classifier.destroy();
  return photos.map((_, n) => all.slice(n * network.classes, (n + 1) * network.classes));
}

beforeAll(async () => {
  gpu = await Gpu.acquire();
  // a random network answers one class to everything: its bias is moved so that every class is average
  context = { gpu, network, parameters: new Parameters(gpu, weights) };
  const rows = await logitsOf(1, new Map());
  const { shape, data } = weights.get('fc.bias')!;
  const average = (c: number) => rows.reduce((sum, row) => sum + row[c], 0) / rows.length;
  const balanced = new Map(weights).set('fc.bias', { shape, data: data.map((v, c) => v - average(c)) });
  context = { gpu, network, parameters: new Parameters(gpu, balanced) };
  labels = (await logitsOf(1, new Map())).map((row) => row.indexOf(Math.max(...row)));
});
afterAll(() => gpu.close());

async function* images(scale: number): AsyncGenerator<LabelledImage> {
  for (const [n, photo] of photos.entries())
    yield { name: `${n}`, label: labels[n], pixels: prepare(photo, scale).data };
}

const accuracyOf = async (
  scale: number,
  channels: readonly number[],
  constants: readonly number[],
  best = 1,
) => {
  const rows = await logitsOf(scale, new Map(channels.map((c) => [c, constants[c]])));
  return rows.filter((row, n) => rankOf(row, labels[n]) < best).length / rows.length;
};

test('labels are of several classes', () => {
  expect(new Set(labels).size).toBeGreaterThan(3);
});

describe.each(['zero', 'mean'] as const)('%s ablation', (replacement) => {
  test('accuracies are those of the classifier, one by one', async () => {
    const ablation = await measureAblation(context, { ...settings, replacement }, { images });
    expect(ablation).toMatchObject({ block: '2.1', tap: '2.1.O', images: 10, replacement, rejected: [] });
    expect(ablation.intact[0]).toBe(1);
    expect(ablation.trials.map(({ draw }) => draw)).toEqual([0, 1, 2]);
    for (const [i, scale] of settings.scales.entries()) {
      const { constants, channels, trials } = ablation;
      expect(ablation.intact[i]).toBe(await accuracyOf(scale, [], constants));
      expect(ablation.ablated[i]).toBe(await accuracyOf(scale, channels, constants));
      expect(ablation.top5.ablated[i]).toBe(await accuracyOf(scale, channels, constants, 5));
      for (const trial of trials) {
        expect(trial.channels).toEqual(drawControl(settings, trial.draw));
        expect(trial.accuracy[i]).toBe(await accuracyOf(scale, trial.channels, constants));
      }
    }
    expect(ablation.constants.every((v) => v === 0)).toBe(replacement === 'zero');
  });
});

test.each(['rectified', 'plain', 'rectifiedMean'] as const)('the mean called %s', async (mean) => {
  const one = { ...settings, replacement: 'mean' as const, mean, scales: [1], trials: 1 };
  const { constants } = await measureAblation(context, one, { images });
  const meter = await CentreMeter.create(context, ['2.1.O'], { size: 224, batch: 10 });
  const windows = photos.map((photo) => cropPixels(prepare(photo).data, 224, meter.window));
  const values = (await meter.measure(windows)).get('2.1.O')!;
  meter.destroy();
  const { channels } = settings.tap;
  const average = (of: (v: number) => number, c: number) =>
    photos.reduce((sum, _, n) => sum + of(values[n * channels + c]), 0) / photos.length;
  const positive = (v: number) => Math.max(v, 0);
  constants.forEach((constant, c) => {
    const expected = {
      rectified: average(positive, c),
      plain: average((v) => v, c),
      rectifiedMean: positive(average((v) => v, c)),
    }[mean];
    expect(constant).toBeCloseTo(expected, 5);
  });
  // the three differ on these photographs
  expect(constants.some((_, c) => Math.abs(average(positive, c) - average((v) => v, c)) > 1e-3)).toBe(true);
});

test('controls that beat the chosen channels by more than the margin are rejected', async () => {
  // a list that hurts about as much as others: some controls do better
  const strict = { ...settings, channels: [0, 3, 7], margin: 0, scales: [1], trials: 3, mostDraws: 8 };
  const { ablated, trials, rejected } = await measureAblation(context, strict, { images });
  expect(trials.length + rejected.length).toBeGreaterThanOrEqual(3);
  const seen = [...trials, ...rejected].map(({ draw }) => draw);
  expect(new Set(seen).size).toBe(seen.length);
  expect(Math.min(trials.length, rejected.length)).toBeGreaterThan(0);
  for (const { accuracy } of trials) expect(accuracy[0]).toBeLessThanOrEqual(ablated[0]);
  for (const { accuracy } of rejected) expect(accuracy).toBeGreaterThan(ablated[0]);
});

test('passes that are known are not done again', async () => {
  const done = new Map<string, number[] | { images: number; top1: number; top5: number }[]>();
  const source: AblationSource = {
    images,
    onPass: (key, result) => Promise.resolve(void done.set(key, result)),
  };
  const first = await measureAblation(context, { ...settings, replacement: 'mean' }, source);
  expect([...done.keys()]).toEqual(['means', 'scale 1, controls 0-2', 'scale 1.3']);
  const again = await measureAblation(
    context,
    { ...settings, replacement: 'mean' },
    {
      images: () => {
        throw new Error('looked at the photographs again');
      },
      known: done,
    },
  );
  expect(again).toEqual(first);
});

test('photographs that change on the way are noticed', async () => {
  let passes = 0;
  const fewer = async function* (scale: number) {
    const shown = passes++ === 0 ? 10 : 9;
    let n = 0;
    for await (const image of images(scale)) if (n++ < shown) yield image;
  };
  await expect(measureAblation(context, settings, { images: fewer })).rejects.toThrow(/10, then 9 of them/);
});
