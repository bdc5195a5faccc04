// Image files without their Exif part. Browsers turn a picture as Exif says, and offer no way not to; the network is
// shown pixels as they are stored, as torchvision and the command line do. JPEG keeps Exif in APP1 segments before the
// scan, PNG in an eXIf chunk; of WebP, Chrome ignores the orientation.

const JPEG = [0xff, 0xd8];
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const APP1 = 0xe1;
const START_OF_SCAN = 0xda;

const startsWith = (bytes: Uint8Array, signature: readonly number[], at = 0): boolean =>
  signature.every((byte, i) => bytes[at + i] === byte);

const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

/** The same file without Exif; anything else, and what cannot be understood, as it is. */
export function withoutExif(bytes: Uint8Array): Uint8Array {
  const parts = startsWith(bytes, JPEG)
    ? jpegParts(bytes)
    : startsWith(bytes, PNG)
      ? pngParts(bytes)
      : undefined;
  if (!parts) return bytes;
  const kept = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    kept.set(part, at);
    at += part.length;
  }
  return kept;
}

/** Segments up to the scan, and everything from there on. */
function jpegParts(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [bytes.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== START_OF_SCAN) {
    if (bytes[at + 1] === 0xff) {
      at++; // markers may be preceded by any number of these
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    const isExif = bytes[at + 1] === APP1 && startsWith(bytes, ascii('Exif\0'), at + 4);
    if (!isExif) parts.push(bytes.subarray(at, end));
    at = end;
  }
  return [...parts, bytes.subarray(at)];
}

function pngParts(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [bytes.subarray(0, PNG.length)];
  let at = PNG.length;
  while (at + 12 <= bytes.length) {
    const end = at + 12 + view.getUint32(at); // length, type, data, checksum
    if (!startsWith(bytes, ascii('eXIf'), at + 4)) parts.push(bytes.subarray(at, end));
    at = end;
  }
  return [...parts, bytes.subarray(at)];
}
