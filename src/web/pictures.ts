// Pictures on the page: pixels onto a canvas, PNG files into an image, and both to the computer's own files.

import { StreamscopeError } from '../error.ts';
import { writeNpy } from '../model/npy.ts';
import { withoutExif } from './exif.ts';

/** 8-bit pixels (n,n,3) as a canvas takes them. */
function imageDataOf(pixels: Uint8Array, size: number): ImageData {
  const data = new Uint8ClampedArray(4 * size * size).fill(255);
  for (let i = 0; i < size * size; i++) data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
  return new ImageData(data, size, size);
}

/** A PNG file of 8-bit pixels (n,n,3). */
export function pngOf(pixels: Uint8Array, size: number): Promise<Blob> {
  const canvas = new OffscreenCanvas(size, size);
  canvas.getContext('2d')!.putImageData(imageDataOf(pixels, size), 0, 0);
  return canvas.convertToBlob({ type: 'image/png' });
}

/** Draws 8-bit pixels (n,n,3); the canvas takes their size. */
export function paint(canvas: HTMLCanvasElement, pixels: Uint8Array, size: number): void {
  if (canvas.width !== size || canvas.height !== size) [canvas.width, canvas.height] = [size, size];
  canvas.getContext('2d')!.putImageData(imageDataOf(pixels, size), 0, 0);
}

/** Draws a PNG file; the canvas takes its size. */
export async function paintPng(canvas: HTMLCanvasElement, png: Blob): Promise<void> {
  const bitmap = await createImageBitmap(png, { colorSpaceConversion: 'none' });
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
  bitmap.close();
}

/**
 * The 8-bit pixels (H,W,3) of an image file, as they are stored: no colour management, no rotation, alpha dropped.
 * Throws what the browser throws for what is no image.
 */
export async function decode(file: Blob): Promise<{ height: number; width: number; data: Uint8Array }> {
  const bytes = withoutExif(new Uint8Array(await file.arrayBuffer()));
  const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  });
  const { height, width } = bitmap;
  const drawn = readCanvas(bitmap);
  const isOpaque = drawn.every((value, i) => i % 4 !== 3 || value === 255);
  const rgba = isOpaque ? drawn : readTexture(bitmap);
  bitmap.close();
  const data = new Uint8Array(3 * height * width);
  for (let i = 0; i < height * width; i++) data.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return { height, width, data };
}

function readCanvas(bitmap: ImageBitmap): Uint8ClampedArray {
  const { height, width } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, width, height).data;
}

/** The colours below transparency: a 2D canvas keeps them multiplied by alpha, a texture as they are. */
function readTexture(bitmap: ImageBitmap): Uint8Array {
  const { height, width } = bitmap;
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl || Math.max(height, width) > gl.getParameter(gl.MAX_TEXTURE_SIZE))
    throw new StreamscopeError('badInput', 'The picture has transparency and is too large for this browser.');
  const rgba = new Uint8Array(4 * height * width);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return rgba;
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
