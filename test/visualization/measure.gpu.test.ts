// Centre activations of many places in one pass: the same as of each place alone, as of the whole image, and as the
// objective measures one channel; whatever the batch.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Gpu } from '../../src/engine/device.ts';
import { errorOverRms } from '../../src/engine/selfTest.ts';
import { Parameters } from '../../src/model/parameters.ts';
import { layoutOf } from '../../src/model/receptiveField.ts';
import { tapsOf } from '../../src/model/taps.ts';
import {
  batchWithin,
  CentreMeter,
  cropImage,
  cropPixels,
  measureObjective,
} from '../../src/visualization/measure.ts';
import { fromBytes } from '../../src/visualization/pixels.ts';
import { picture } from '../support/pictures.ts';
import { syntheticModel } from '../support/syntheticWeights.ts';

const size = 160;
const { network, weights } = syntheticModel({ width: 8 });
const places = [...new Set(tapsOf(network).map(({ place }) => place))];
const pixels = [0, 1, 2, 3, 4].map((n) => picture(size, size).data.map((v) => (v * (n + 3)) % 256));
let gpu: Gpu;
let parameters: Parameters;

beforeAll(async () => {
  gpu = await Gpu.acquire();
  parameters = new Parameters(gpu, weights);
});
afterAll(() => gpu.close());

/** Centre activations of all pictures, `batch` at a time. */
async function measured(wanted: readonly string[], batch: number): Promise<Map<string, number[]>> {
  const meter = await CentreMeter.create({ gpu, network, parameters }, wanted, { size, batch });
  const all = new Map(wanted.map((place): [string, number[]] => [place, []]));
  for (let n = 0; n < pixels.length; n += batch) {
    const windows = pixels.slice(n, n + batch).map((image) => cropPixels(image, size, meter.window));
    for (const [place, values] of await meter.measure(windows)) all.get(place)!.push(...values);
  }
  meter.destroy();
  return all;
}

test('many places in one pass give what each gives alone', async () => {
  const together = await measured(places, 2);
  for (const place of ['maxpool', '1.1.O', '2.0.I', '2.1.B', '4.1.O']) {
    const alone = (await measured([place], 2)).get(place)!;
    expect(alone.length, place).toBe(
      pixels.length * tapsOf(network).find((tap) => tap.place === place)!.channels,
    );
    expect(errorOverRms(together.get(place)!, alone), place).toBeLessThan(1e-5);
  }
});

test('a batch does not change a byte', async () => {
  const wanted = ['1.1.B', '2.0.O'];
  expect(await measured(wanted, 5)).toEqual(await measured(wanted, 2));
});

test('the objective of a unit is its centre activation', async () => {
  const place = '2.1.O';
  const all = (await measured([place], 4)).get(place)!;
  const samples = pixels.map((image, n) => ({ image: fromBytes(image), channel: 3 * n }));
  const values = await measureObjective({ gpu, network, parameters }, place, 'center', size, samples);
  const channels = all.length / pixels.length;
  expect(
    errorOverRms(
      values,
      samples.map(({ channel }, n) => all[n * channels + channel]),
    ),
  ).toBeLessThan(1e-5);
});

test('buffers are given back', async () => {
  await measured(['1.1.B'], 2);
  const before = gpu.liveBytes;
  await measured(['1.1.B'], 2);
  expect(gpu.liveBytes).toBe(before);
});

test('a batch is cut to what the device can hold', () => {
  const layout = layoutOf(network, size, [{ place: '4.1.O', region: 'all' }]);
  const limited = (maxStorageBufferBindingSize: number) =>
    batchWithin(
      {
        adapter: 'small',
        device: { limits: { maxBufferSize: 2 ** 40, maxStorageBufferBindingSize } },
      } as Gpu,
      layout,
      8,
    );
  const sample = 4 * 8 * 80 * 80; // conv1
  const image = 4 * 3 * size * size;
  const largest = Math.max(sample, image);
  expect(limited(3 * largest)).toBe(3);
  expect(limited(100 * largest)).toBe(8);
  expect(() => limited(largest - 1)).toThrow(/needs more than this adapter/);
});

test('windows of pixels and of floats agree', () => {
  const window = { start: 5, end: 14 };
  expect(cropPixels(pixels[1], size, window)).toEqual(cropImage(fromBytes(pixels[1]), size, window));
});
