// Photographs prepared, magnified and shrunk as PyTorch does. STREAMSCOPE_REFERENCE names a folder with
//   reference/goldens/, data/imagenet-originals/

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeImage } from '../../src/cli/images.ts';
import { parseNpy } from '../../src/model/npy.ts';
import { normalizePixels, prepare, resizedShape, resizePixels } from '../../src/model/preprocess.ts';
import { magnify, shrink, transformTensor } from '../../src/model/tensorTransforms.ts';

const reference = process.env.STREAMSCOPE_REFERENCE;
if (!reference)
  throw new Error('STREAMSCOPE_REFERENCE is not set: it must name the folder of reference data.');

const golden = (name: string) => parseNpy(readFileSync(resolve(reference, `reference/goldens/${name}.npy`)));
const picture = (name: string) => {
  const { shape, data } = golden(name);
  return { height: shape[0], width: shape[1], data: data as Uint8Array };
};

describe('the photograph of a tench', () => {
  const decoded = picture('c_photo0_decoded_u8');

  test('is decoded to Pillow’s bytes', async () => {
    const { pixels } = await decodeImage(resolve(reference, 'data/imagenet-originals/n01440764_tench.JPEG'));
    expect(pixels).toEqual(decoded);
  });

  test('is resized to Pillow’s bytes', () => {
    const [height, width] = resizedShape(decoded.height, decoded.width, 256);
    expect(resizePixels(decoded, height, width)).toEqual(picture('c_photo0_resize256_u8'));
  });

  test.each([
    [1, 'c_photo0_crop224_u8'],
    [1.1, 'c_photo0_scale1.1_u8'],
    [1.2, 'c_photo0_scale1.2_u8'],
    [1.4, 'c_photo0_scale1.4_u8'],
  ])('has torchvision’s bytes at scale %f', (scale, name) => {
    expect(prepare(decoded, scale)).toEqual(picture(name));
  });

  test('is normalised to PyTorch’s floats', () => {
    expect(normalizePixels(prepare(decoded))).toEqual(golden('c_photo0_input').data);
  });
});

test.each([
  ['S', magnify(224)],
  ['Sinv', shrink(224)],
])('%s', (name, transform) => {
  const expected = golden(`f_${name}`).data;
  const actual = transformTensor(golden('c_photo0_input').data, 224, transform);
  // values up to 2.7, summed in float32 there: four products, half an ulp of 4 each
  const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  expect(actual).toHaveLength(expected.length);
  expect(worst).toBeLessThanOrEqual(4 * 2 ** -23);
});
