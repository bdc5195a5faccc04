// Pictures on the page: pixels onto a canvas, PNG files into an image, and both to the computer's own files.

import { writeNpy } from '../model/npy.ts';

/** Draws 8-bit pixels (n,n,3); the canvas takes their size. */
export function paint(canvas: HTMLCanvasElement, pixels: Uint8Array, size: number): void {
  const data = new Uint8ClampedArray(4 * size * size).fill(255);
  for (let i = 0; i < size * size; i++) data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
  if (canvas.width !== size || canvas.height !== size) [canvas.width, canvas.height] = [size, size];
  canvas.getContext('2d')!.putImageData(new ImageData(data, size, size), 0, 0);
}

/** The 8-bit pixels (H,W,3) of an image file, as they are stored: no colour management, no rotation, alpha dropped. */
export async function decode(file: Blob): Promise<{ height: number; width: number; data: Uint8Array }> {
  const bitmap = await createImageBitmap(file, {
    imageOrientation: 'none',
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  });
  const { height, width } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data: rgba } = context.getImageData(0, 0, width, height);
  const data = new Uint8Array(3 * height * width);
  for (let i = 0; i < height * width; i++) data.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return { height, width, data };
}

/** Bytes of a PNG file as an address that an <img> takes; the caller revokes it. */
export const addressOf = (png: Uint8Array): string =>
  URL.createObjectURL(new Blob([png as Uint8Array<ArrayBuffer>], { type: 'image/png' }));

/** Offers a file to save. */
export function save(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export const savePng = (name: string, canvas: HTMLCanvasElement): Promise<void> =>
  new Promise((done) =>
    canvas.toBlob((blob) => {
      if (blob) save(name, blob);
      done();
    }, 'image/png'),
  );

/** The float32 image [3,n,n], as the command line writes it. */
export const saveNpy = (name: string, image: Float32Array, size: number): void =>
  save(name, new Blob([writeNpy([3, size, size], image)], { type: 'application/octet-stream' }));
