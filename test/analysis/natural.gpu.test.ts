// Photographs as stimuli: the same numbers as showing every top image of every channel one by one.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { collectActivations } from '../../src/analysis/collect.ts';
import { measureNatural } from '../../src/analysis/natural.ts';
import { measureResponses, placesOf } from '../../src/analysis/responses.ts';
import { TopImages } from '../../src/analysis/topImages.ts';
import { Gpu } from '../../src/engine/device.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { prepare } from '../../src/model/preprocess.ts';
import { picture } from '../support/pictures.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const { network, weights } = syntheticModel({ width: 4 });
const block = network.blocks[2]; // 2.0
const places = placesOf(network, block);
const photos = Array.from({ length: 14 }, (_, n) => {
  const { data, ...shape } = picture(60 + 7 * n, 100);
  return {
    name: `${n}`,
    pixels: prepare({ ...shape, data: data.map((v, i) => (v * (n + 2) + (i >> n)) % 256) }),
  };
});
const image = (index: number) => Promise.resolve(photos[index].pixels.data);

let gpu: Gpu;
let parameters: Parameters;
beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

async function* source() {
  yield* photos;
}

test('top images answered from what was collected, transformed ones measured once', async () => {
  const context = { gpu, network, parameters };
  const activations = { I: [] as number[], B: [] as number[], O: [] as number[] };
  for await (const batch of collectActivations(context, Object.values(places), source(), 4))
    for (const role of ['I', 'B', 'O'] as const)
      activations[role].push(...batch.activations.get(places[role])!);
  const typed = {
    I: Float32Array.from(activations.I),
    B: Float32Array.from(activations.B),
    O: Float32Array.from(activations.O),
  };
  const topOf = (role: 'I' | 'B') => {
    const extremes = new TopImages(block.channels);
    for (let i = 0; i < photos.length; i++)
      extremes.add(i, typed[role].subarray(i * block.channels, (i + 1) * block.channels));
    return extremes.top;
  };
  const top = { I: topOf('I'), B: topOf('B') };
  const loaded: number[] = [];
  const natural = await measureNatural(context, block, {
    images: photos.length,
    activations: typed,
    top,
    image: (index) => {
      loaded.push(index);
      return image(index);
    },
  });
  expect(new Set(loaded).size).toBe(loaded.length);
  expect(natural).toMatchObject({ images: 14, imagesPerChannel: 9 });

  const direct = await measureResponses(context, block, {
    size: 224,
    imagesPerChannel: 9,
    images: { I: (c, k) => image(top.I[c][k]), B: (c, k) => image(top.B[c][k]) },
  });
  for (const tap of ['I', 'B', 'O'] as const)
    for (const stimulus of ['I', 'B'] as const)
      expect(errorOverRms(natural.responses[tap][stimulus]!, direct.responses[tap][stimulus]!)).toBeLessThan(
        1e-5,
      );
  for (const invariance of ['scale', 'flip'] as const)
    for (const entry of ['blockOnInput', 'inputOnBlock'] as const) {
      const [a, b] = [natural, direct].map((measured) => measured.invariance[invariance]![entry]);
      expect(errorOverRms(a, b), `${invariance} ${entry}`).toBeLessThan(1e-5);
    }
});

test('activations that are not finite are an error with the image’s name', async () => {
  const spoilt = new Map(weights).set('layer1.0.bn2.bias', {
    shape: [4],
    data: Float32Array.of(0, Number.NaN, 0, 0),
  });
  const broken = new Parameters(gpu, spoilt);
  const measured = collectActivations({ gpu, network, parameters: broken }, ['1.0.B'], source(), 4);
  await expect(measured.next()).rejects.toThrow(/1\.0\.B:1 answers NaN to 0\./);
  broken.destroy();
});
