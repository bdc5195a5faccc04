// Photographs from a folder: which, in what order, and their pixels, as torchvision's ImageFolder and Pillow's
// convert('RGB') see them.
//
// Order: folders of classes by name, below each the folders by path, their files by name, all by code point. A folder
// without subfolders is one list of files without labels. Names tell what is an image, as in torchvision; the rest
// is named and counted.
// Pixels: no colour management, no rotation by EXIF; alpha is dropped, not blended; grey is repeated; CMYK becomes
// 255 - K - C (255 - K) / 255 and so on; of 16 bits the upper 8 stay (Pillow does so for colour and clips grey at 255).

import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { StreamscopeError } from '../error.ts';
import type { Pixels } from '../model/preprocess.ts';
import { fileError } from './failure.ts';
import { readBytes } from './files.ts';

const DECODED = ['.jpg', '.jpeg', '.png', '.tif', '.tiff', '.webp'];
/** torchvision's list. The rest of it is named as what cannot be decoded. */
const EXTENSIONS = [...DECODED, '.ppm', '.bmp', '.pgm'];
/** What is decoded, whatever the name says. */
const FORMATS = ['jpeg', 'png', 'webp', 'tiff', 'gif'];
/** Pillow refuses more. */
const MOST_PIXELS = 178_956_970;
/** Shorter sides below this are enlarged at least fourfold: worth a note. */
const TINY = 64;

export interface ListedImage {
  /** path below the folder, with slashes */
  name: string;
  /** folder of the class, where there are such */
  label?: string;
}

/** A file that is no image, or none that can be read. */
export interface SkippedFile {
  name: string;
  reason: string;
}

export interface Listing {
  folder: string;
  images: ListedImage[];
  /** names of classes in order; undefined for a flat folder */
  labels?: string[];
  skipped: SkippedFile[];
}

/** By code point, as Python sorts: the order of UTF-8 bytes. */
const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Images of a folder in torchvision's order. Throws (74) when it cannot be read, (65) when there are none. */
export async function listImages(folder: string): Promise<Listing> {
  const { files, folders } = await entriesOf(folder, '');
  const listing: Listing = { folder, images: [], skipped: [] };
  if (folders.length === 0) sortOut(listing, files);
  else {
    listing.labels = folders;
    for (const name of files) listing.skipped.push({ name, reason: 'it lies beside the folders of classes' });
    for (const label of folders) {
      const below = await walk(folder, label, new Set());
      below.sort(([a], [b]) => byCodePoint(a, b));
      for (const [path, names] of below)
        sortOut(
          listing,
          names.map((name) => `${path}/${name}`),
          label,
        );
    }
  }
  if (listing.images.length === 0) {
    const found = listing.skipped.length > 0 ? `, but ${listing.skipped.length} other files` : '';
    throw new StreamscopeError(
      'badInput',
      `${folder} holds no images${found}.`,
      `Give a folder of ${DECODED.join(' ')} files, or of one folder per class.`,
    );
  }
  return listing;
}

function sortOut({ images, skipped }: Listing, names: readonly string[], label?: string): void {
  for (const name of names) {
    const extension = extname(name).toLowerCase();
    if (EXTENSIONS.includes(extension)) images.push(label === undefined ? { name } : { name, label });
    else skipped.push({ name, reason: `its name does not end as an image's (${EXTENSIONS.join(' ')})` });
  }
}

/** Names of files and folders, each in order; links are followed. */
async function entriesOf(folder: string, path: string): Promise<{ files: string[]; folders: string[] }> {
  const [files, folders]: [string[], string[]] = [[], []];
  const full = join(folder, path);
  try {
    for (const entry of await readdir(full, { withFileTypes: true })) {
      const kind = entry.isSymbolicLink() ? await stat(join(full, entry.name)).catch(() => entry) : entry;
      (kind.isDirectory() ? folders : files).push(entry.name);
    }
  } catch (error) {
    throw fileError('read', full, error);
  }
  return { files: files.sort(byCodePoint), folders: folders.sort(byCodePoint) };
}

/** Folders at and below `path` with their files; a link back to a folder above is not followed. */
async function walk(folder: string, path: string, above: ReadonlySet<string>): Promise<[string, string[]][]> {
  const real = await realpath(join(folder, path));
  if (above.has(real)) return [];
  const { files, folders } = await entriesOf(folder, path);
  const inside = new Set([...above, real]);
  const below: [string, string[]][] = [[path, files]];
  for (const name of folders) below.push(...(await walk(folder, `${path}/${name}`, inside)));
  return below;
}

export interface DecodedImage {
  pixels: Pixels;
  /** of the file */
  sha256: string;
  /** what had to be done to it: 'CMYK', '16 bits', 'tiny', 'grey', 'alpha dropped' */
  notes: string[];
}

/**
 * The RGB pixels of an image file. Throws StreamscopeError badInput, with the reason as its message, for what is no
 * image or broken, and io for what cannot be read.
 */
export async function decodeImage(path: string): Promise<DecodedImage> {
  return decodeBytes(await readBytes(path));
}

/** The same for the bytes of a file. */
export async function decodeBytes(bytes: Uint8Array): Promise<DecodedImage> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  try {
    return { sha256, ...(await decode(bytes)) };
  } catch (error) {
    if (error instanceof StreamscopeError) throw error;
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new StreamscopeError('badInput', `it cannot be decoded: ${reason.trim()}`);
  }
}

const refuse = (reason: string): StreamscopeError => new StreamscopeError('badInput', reason);

async function decode(bytes: Uint8Array): Promise<Omit<DecodedImage, 'sha256'>> {
  if (bytes.length === 0) throw refuse('the file is empty');
  // 'error' accepts what libjpeg merely warns about, as Pillow does, and refuses what is cut short
  const image = sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: MOST_PIXELS });
  const { format, space, depth, hasAlpha, width, height } = await image.metadata();
  if (!FORMATS.includes(format)) throw refuse(`it is ${format}, expected ${FORMATS.join(', ')}`);
  if (depth !== 'uchar' && depth !== 'ushort')
    throw refuse(`its values are of type ${depth}, expected 8 or 16 bits`);
  const isCmyk = space === 'cmyk';
  if (isCmyk) image.pipelineColourspace('cmyk').toColourspace('cmyk');
  else if (depth === 'ushort') image.toColourspace(space);
  const { data, info } = await image.raw({ depth }).toBuffer({ resolveWithObject: true });
  const values =
    depth === 'uchar'
      ? data
      : new Uint16Array(data.buffer, data.byteOffset, data.length / 2).map((v) => v >> 8);
  const notes = [
    ...(isCmyk ? ['CMYK'] : []),
    ...(depth === 'ushort' ? ['16 bits'] : []),
    ...(space === 'b-w' || space === 'grey16' ? ['grey'] : []),
    ...(hasAlpha ? ['alpha dropped'] : []),
    ...(Math.min(width, height) < TINY ? ['tiny'] : []),
  ];
  const rgb = isCmyk ? fromCmyk(values) : firstThree(values, info.channels);
  return { pixels: { height: info.height, width: info.width, data: rgb }, notes };
}

/** RGB of pixels of 1 (grey), 2 (grey, alpha), 3 or 4 (RGB, alpha) channels. */
function firstThree(values: ArrayLike<number>, channels: number): Uint8Array {
  const rgb = new Uint8Array((values.length / channels) * 3);
  const [g, b] = channels < 3 ? [0, 0] : [1, 2];
  for (let from = 0, to = 0; from < values.length; from += channels, to += 3) {
    rgb[to] = values[from];
    rgb[to + 1] = values[from + g];
    rgb[to + 2] = values[from + b];
  }
  return rgb;
}

/** Pillow's conversion: 255 - K less the ink's share of it, a product over 255 rounded in whole numbers. */
function fromCmyk(values: ArrayLike<number>): Uint8Array {
  const rgb = new Uint8Array((values.length / 4) * 3);
  for (let pixel = 0; pixel < values.length / 4; pixel++) {
    const white = 255 - values[4 * pixel + 3];
    for (let c = 0; c < 3; c++) {
      const product = values[4 * pixel + c] * white + 128;
      rgb[3 * pixel + c] = Math.max(0, white - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}
