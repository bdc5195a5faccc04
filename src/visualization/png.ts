// PNG files.

import { PNG } from 'pngjs';

/** A PNG file (8-bit RGB); the same pixels give the same bytes. */
export function encodePng(bytes: Uint8Array, height: number, width: number): Uint8Array {
  const png = new PNG({ width, height, colorType: 2, inputColorType: 2, inputHasAlpha: false });
  png.data = Buffer.from(bytes);
  return PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
}
