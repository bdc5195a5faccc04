// Every entry of the response tables against the objective measured on its own, on the same image or on the image
// that was transformed first and shown whole; and one entry of each kind against the float64 loops.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { measureResponses, measureSeed, placesOf, type Stimuli } from '../../src/analysis/responses.ts';
import { Gpu } from '../../src/engine/device.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { normalize } from '../../src/kernels/imageReference.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { layoutOf } from '../../src/model/receptiveField.ts';
import {
  flip,
  magnify,
  shrink,
  TUNING_SCALES,
  transformTensor,
  zoom,
} from '../../src/model/tensorTransforms.ts';
import { cropImage, measureObjective } from '../../src/visualization/measure.ts';
import { fromBytes } from '../../src/visualization/pixels.ts';
import { picture } from '../support/pictures.ts';
import { referenceNetwork } from '../support/referenceNetwork.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const size = 96;
const { network, weights } = syntheticModel({ width: 4 });
const seedOf = { I: 3, B: 5, O: 7 };
type Role = keyof typeof seedOf;
/** Pixels of the image k of a channel. */
const pixels = (role: Role, channel: number, k = 0) =>
  picture(size, size).data.map(
    (v, i) => (v * seedOf[role] + ((i >> (channel % 7)) & 15) * (channel + 1) + 31 * k) % 256,
  );
const floats = (role: Role, channel: number, k = 0) => fromBytes(pixels(role, channel, k));
const load = (role: Role) => (channel: number, k: number) => Promise.resolve(pixels(role, channel, k));

let gpu: Gpu;
let parameters: Parameters;
beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

/** Centre activations of channel[n] at a place for whole images, without this module. */
const objectives = async (place: string, samples: { image: Float32Array; channel: number }[]) => [
  ...(await measureObjective({ gpu, network, parameters }, place, 'center', size, samples)),
];

describe.each(['1.1', '2.0'])('block %s', (name) => {
  const block = network.blocks.find((candidate) => candidate.name === name)!;
  const places = placesOf(network, block);
  const channels = [...Array(block.channels).keys()];
  const shown = (role: Role, transform?: Parameters0) =>
    channels.map((channel) => {
      const image = floats(role, channel);
      return { image: transform ? transformTensor(image, size, transform) : image, channel };
    });
  type Parameters0 = ReturnType<typeof magnify>;

  test('the table, the invariance tests and the tuning curve', async () => {
    const stimuli: Omit<Stimuli, 'imagesPerChannel'> = {
      size,
      images: { I: load('I'), B: load('B'), O: load('O') },
    };
    const context = { gpu, network, parameters };
    const measured = await measureSeed(context, block, 11, stimuli, { batch: 5 });
    expect(measured.seed).toBe(11);
    for (const tap of ['I', 'B', 'O'] as const)
      for (const stimulus of ['I', 'B', 'O'] as const) {
        const expected = await objectives(places[tap], shown(stimulus));
        expect(
          errorOverRms(measured.responses[tap][stimulus]!, expected),
          `${tap} on ${stimulus}`,
        ).toBeLessThan(1e-5);
      }
    const { scale, flip: flipped } = measured.invariance;
    for (const [actual, place, samples] of [
      [scale!.blockOnInput, places.B, shown('I', magnify(size))],
      [scale!.inputOnBlock, places.I, shown('B', shrink(size))],
      [flipped!.blockOnInput, places.B, shown('I', flip(size))],
      [flipped!.inputOnBlock, places.I, shown('B', flip(size))],
    ] as const)
      expect(errorOverRms(actual, await objectives(place, [...samples]))).toBeLessThan(1e-5);
    for (const [i, zoomed] of TUNING_SCALES.entries()) {
      const curve = channels.map((channel) => measured.tuning![channel * TUNING_SCALES.length + i]);
      const expected = await objectives(places.O, shown('O', zoom(size, zoomed)));
      expect(errorOverRms(curve, expected), `scale ${zoomed}`).toBeLessThan(1e-5);
    }
  });
});

test('agrees with the float64 loops', async () => {
  const block = network.blocks[1];
  const stimuli: Stimuli = { size, imagesPerChannel: 1, images: { I: load('I'), B: load('B') } };
  const { responses, invariance } = await measureResponses({ gpu, network, parameters }, block, stimuli);
  const layout = layoutOf(network, size, [{ place: '1.1.B', region: 'centre' }]);
  const window = layout.windows.get('input')!;
  const answer = (image: Float32Array, channel: number) => {
    const crop = cropImage(image, size, window);
    const side = Math.sqrt(crop.length / 3);
    const x = normalize({ shape: [1, 3, side, side], data: Float64Array.from(crop) });
    return referenceNetwork(weights, layout, '1.1.B', x)[0].data[channel];
  };
  const plain = [0, 1, 2, 3].map((channel) => answer(floats('I', channel), channel));
  expect(errorOverRms(responses.B.I!, plain)).toBeLessThan(1e-5);
  const magnified = [0, 1, 2, 3].map((channel) =>
    answer(transformTensor(floats('I', channel), size, magnify(size)), channel),
  );
  expect(errorOverRms(invariance.scale!.blockOnInput, magnified)).toBeLessThan(1e-5);
});

describe('images that are not there', () => {
  const block = network.blocks[1];

  test('leave NaN, and only there', async () => {
    const images = {
      I: (channel: number, k: number) => Promise.resolve(channel === 2 ? undefined : pixels('I', channel, k)),
      B: load('B'),
    };
    const stimuli: Stimuli = { size, imagesPerChannel: 3, images };
    const { responses, invariance, imagesPerChannel } = await measureResponses(
      { gpu, network, parameters },
      block,
      stimuli,
    );
    expect(imagesPerChannel).toBe(3);
    const missing = (values: Float64Array) =>
      [...values].flatMap((value, i) => (Number.isNaN(value) ? [i] : []));
    for (const tap of ['I', 'B', 'O'] as const) {
      expect(missing(responses[tap].I!)).toEqual([6, 7, 8]);
      expect(missing(responses[tap].B!)).toEqual([]);
      expect(responses[tap].O).toBeUndefined();
    }
    expect(missing(invariance.scale!.blockOnInput)).toEqual([6, 7, 8]);
    expect(missing(invariance.flip!.inputOnBlock)).toEqual([]);
  });

  test('without images of O there is no tuning curve', async () => {
    const stimuli = { size, images: { I: load('I'), B: load('B') } };
    expect('tuning' in (await measureSeed({ gpu, network, parameters }, block, 0, stimuli))).toBe(false);
  });
});

test('float images give what their own values give, not their 8-bit copies', async () => {
  const block = network.blocks[1];
  const image = (channel: number) => floats('I', channel).map((v) => v * 0.999);
  const images = { I: (channel: number) => Promise.resolve(image(channel)), B: load('B') };
  const { responses } = await measureResponses({ gpu, network, parameters }, block, {
    size,
    imagesPerChannel: 1,
    images,
  });
  const samples = [0, 1, 2, 3].map((channel) => ({ image: image(channel), channel }));
  expect(errorOverRms(responses.O.I!, await objectives('1.1.O', samples))).toBeLessThan(1e-5);
});

test('an image of another size is refused', async () => {
  const images = { I: () => Promise.resolve(new Uint8Array(3 * 64 * 64)) };
  const stimuli: Stimuli = { size, imagesPerChannel: 1, images };
  await expect(measureResponses({ gpu, network, parameters }, network.blocks[1], stimuli)).rejects.toThrow(
    /image of 1\.1\.I:0 has 64 x 64 pixels, expected 96 x 96/,
  );
});

test('an aborted signal stops', async () => {
  const stimuli: Stimuli = { size, imagesPerChannel: 1, images: { I: load('I') } };
  const options = { signal: AbortSignal.abort() };
  await expect(
    measureResponses({ gpu, network, parameters }, network.blocks[1], stimuli, options),
  ).rejects.toThrow(/abort/i);
});
