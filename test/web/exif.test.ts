// Exif is cut out of JPEG and PNG files; everything else, whole or torn, stays byte for byte.

import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { withoutExif } from '../../src/web/exif.ts';
import { picture } from '../support/pictures.ts';

const { height, width, data } = picture(9, 7);
const stored = () => sharp(data, { raw: { height, width, channels: 3 } });

test.each(['jpeg', 'png'] as const)('%s', async (format) => {
  const plain = await stored()[format]().toBuffer();
  const noted = await stored().withMetadata({ orientation: 6 })[format]().toBuffer();
  const cut = withoutExif(noted);
  expect((await sharp(noted).metadata()).orientation).toBe(6);
  expect((await sharp(cut).metadata()).orientation).toBeUndefined();
  expect(await sharp(cut).raw().toBuffer()).toEqual(await sharp(plain).raw().toBuffer());
  expect(Buffer.from(withoutExif(cut))).toEqual(Buffer.from(cut));
});

test('other files stay as they are', async () => {
  const webp = await stored().withMetadata({ orientation: 6 }).webp().toBuffer();
  expect(withoutExif(webp)).toBe(webp);
  expect(withoutExif(new Uint8Array(0))).toEqual(new Uint8Array(0));
});

test('torn and changed files end in bytes of the file, never in a failure', async () => {
  const whole = [
    await stored().withMetadata({ orientation: 3 }).jpeg().toBuffer(),
    await stored().withMetadata({ orientation: 3 }).png().toBuffer(),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...whole), fc.nat(), fc.nat(), fc.nat(255), (file, at, length, value) => {
      const torn = Uint8Array.from(file.subarray(0, 1 + (length % file.length)));
      torn[at % torn.length] = value;
      expect(withoutExif(torn).length).toBeLessThanOrEqual(torn.length);
    }),
    { numRuns: 2000 },
  );
});
