// Between images in 0..1 and 8-bit pixels. Values are truncated, not rounded, as the study saves them.

/** 8-bit values of an image [3,H,W] in 0..1: floor(255 v), by pixel (H,W,3). */
export function toBytes(image: ArrayLike<number>, height: number, width: number): Uint8Array {
  const pixels = height * width;
  const bytes = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++)
    for (let c = 0; c < 3; c++) bytes[3 * i + c] = Math.floor(image[c * pixels + i] * 255);
  return bytes;
}

/** [3,H,W] in 0..1 from 8-bit values by pixel. */
export function fromBytes(bytes: Uint8Array): Float32Array {
  const pixels = bytes.length / 3;
  return Float32Array.from(
    { length: bytes.length },
    (_, i) => bytes[3 * (i % pixels) + Math.floor(i / pixels)] / 255,
  );
}
